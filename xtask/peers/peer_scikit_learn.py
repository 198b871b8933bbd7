"""scikit-learn's logistic regression: the objective of `linear`, and as many steps of L-BFGS at most."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from best import best

PACKAGES = ["scikit-learn", "scipy", "numpy"]

# Few steps are wanted: they act as stopping early does.
warnings.filterwarnings("ignore", category=ConvergenceWarning)


class Peer:
    def __init__(self, data):
        self.vectors = data.matrix("queries")
        self.training = data.matrix("training")
        self.labels = np.array(data.labels["training"], dtype=np.int64).reshape(-1, 2)
        self.settings = data.linear
        self.model = None

    def fit(self, of):
        rows, tools = self.labels.T
        self.model = LogisticRegression(
            C=1 / self.settings["l2"],
            max_iter=self.settings["max_iterations"],
        ).fit(self.training[rows], tools)

    def rank(self, row, k):
        shares = self.model.predict_proba(self.vectors[row : row + 1])[0]
        classes, scores = best(shares, k)
        return self.model.classes_[classes].tolist(), scores
