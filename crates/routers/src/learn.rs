//! Gradient descent for the networks: seeded weights, batches from our own generator, early
//! stopping. candle's CPU device cannot be seeded, so nothing random is left to it.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use ndarray::{Array, Array2, Dimension};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{Error, Router, Training};

/// Weights by name, drawn from one seed in the order they are asked for.
pub(crate) struct Weights {
    vars: BTreeMap<String, Var>,
    rng: ChaCha8Rng,
}

impl Weights {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            vars: BTreeMap::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// Weights that are uniform in `[-bound, bound)`.
    pub(crate) fn uniform(
        &mut self,
        name: &str,
        shape: &[usize],
        bound: f32,
    ) -> candle_core::Result<Tensor> {
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count)
            .map(|_| bound * (2.0 * self.rng.random::<f32>() - 1.0))
            .collect();
        self.keep(name, Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    /// Weights that start with this value.
    pub(crate) fn constant(
        &mut self,
        name: &str,
        shape: &[usize],
        value: f32,
    ) -> candle_core::Result<Tensor> {
        self.keep(name, Tensor::full(value, shape, &Device::Cpu)?)
    }

    fn keep(&mut self, name: &str, start: Tensor) -> candle_core::Result<Tensor> {
        let var = Var::from_tensor(&start)?;
        let tensor = var.as_tensor().clone();
        self.vars.insert(name.to_owned(), var);
        Ok(tensor)
    }

    /// The current values under a name.
    pub(crate) fn array<D: Dimension>(&self, name: &str) -> Result<Array<f32, D>, Error> {
        let missing = || Error::State(format!("there are no weights `{name}`"));
        let var = self.vars.get(name).ok_or_else(missing)?;
        let values = var
            .as_tensor()
            .flatten_all()
            .and_then(|flat| flat.to_vec1::<f32>())
            .map_err(|_| missing())?;
        Array::from_shape_vec(ndarray::IxDyn(var.dims()), values)
            .ok()
            .and_then(|array| array.into_dimensionality().ok())
            .ok_or_else(missing)
    }
}

/// The array as a tensor, in row order.
pub(crate) fn tensor(array: Array2<f32>) -> candle_core::Result<Tensor> {
    let shape = array.dim();
    Tensor::from_vec(array.into_iter().collect(), shape, &Device::Cpu)
}

/// A gradient's Euclidean length at most, over all weights (Pascanu, Mikolov and Bengio 2013).
const CLIP: f32 = 1.0;

/// How long and how fast a network learns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Passes over the fit rows at most.
    pub epochs: usize,
    /// Rows per step.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// AdamW's decoupled weight decay.
    pub weight_decay: f64,
    /// How many epochs in a row without a better validation are borne; the next one ends the fit.
    pub patience: usize,
}

impl Schedule {
    /// Checks the ranges of what routers let one set.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the field.
    pub(crate) fn check(&self, router: &'static str) -> Result<(), Error> {
        for (field, count) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if count == 0 {
                return Err(Error::setting(router, field, &count, "at least 1"));
            }
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let expected = "a number above 0";
            let value = &self.learning_rate;
            return Err(Error::setting(router, "learning_rate", value, expected));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            let expected = "a number of at least 0";
            let value = &self.weight_decay;
            return Err(Error::setting(router, "weight_decay", value, expected));
        }
        Ok(())
    }
}

/// A fit of one network.
pub(crate) struct Fit<'a, 't> {
    /// Kind of the router, for messages.
    pub router: &'static str,
    pub training: &'a Training<'t>,
    /// Rows of the training view to learn from.
    pub rows: Vec<usize>,
    pub schedule: Schedule,
}

impl Fit<'_, '_> {
    /// Learns `weights` by Adam until `validate` (higher is better) stops rising, and gives the best
    /// router that `served` made of them. Where there is nothing to validate on (`None`), all epochs are
    /// run, and the last router is the one; without rows, it is the one that starts.
    ///
    /// `loss` gives the mean loss of some rows; what it draws, it draws from the generator.
    ///
    /// # Errors
    /// [`Error::Diverged`] with the best router so far when the loss, its gradient or a weight is not
    /// finite.
    pub(crate) fn run<R: Router>(
        &self,
        weights: &Weights,
        mut loss: impl FnMut(&[usize], &mut ChaCha8Rng, Epoch) -> candle_core::Result<Tensor>,
        served: impl Fn() -> Result<R, Error>,
        validate: impl Fn(&R) -> Option<f64>,
    ) -> Result<R, Error> {
        if self.rows.is_empty() {
            return served();
        }
        let tensor = Error::tensor(self.router);
        let mut adam = Adam::new(weights, self.schedule).map_err(&tensor)?;
        let mut rng = ChaCha8Rng::seed_from_u64(self.training.seed);
        let mut rows = self.rows.clone();
        let mut best: Option<(Option<f64>, R)> = None;
        let mut since_best = 0;
        for number in 1..=self.schedule.epochs {
            let epoch = Epoch {
                number,
                of: self.schedule.epochs,
            };
            rows.shuffle(&mut rng);
            let (mut total, mut batches) = (0.0, 0);
            for batch in rows.chunks(self.schedule.batch_size.max(1)) {
                let loss = loss(batch, &mut rng, epoch).map_err(&tensor)?;
                let value = loss
                    .to_dtype(DType::F32)
                    .and_then(|loss| loss.to_scalar::<f32>())
                    .map_err(&tensor)?;
                batches += 1;
                let not_finite = if value.is_finite() {
                    let gradients = loss.backward().map_err(&tensor)?;
                    adam.step(&gradients).map_err(&tensor)?
                } else {
                    Some("loss")
                };
                if let Some(what) = not_finite {
                    return Err(Error::Diverged {
                        router: self.router,
                        what,
                        epoch: number,
                        batch: batches,
                        loss: value,
                        last_good: best.map(|(_, router)| Box::new(router.state())),
                    });
                }
                total += f64::from(value);
            }
            let router = served()?;
            let score = validate(&router);
            self.training.progress.say(&format!(
                "epoch {number} of at most {}: loss {:.4}, validation {}",
                self.schedule.epochs,
                total / f64::from(u32::try_from(batches.max(1)).unwrap_or(u32::MAX)),
                score.map_or("none".to_owned(), |score| format!("{score:.4}"))
            ));
            // `None` is never less than `None`: without validation the last epoch is kept.
            let better = best.as_ref().is_none_or(|(best, _)| score > *best);
            if better || score.is_none() {
                since_best = 0;
            } else {
                since_best += 1;
            }
            if best.as_ref().is_none_or(|(best, _)| score >= *best) {
                best = Some((score, router));
            }
            if since_best > self.schedule.patience {
                break;
            }
        }
        match best {
            Some((_, router)) => Ok(router),
            None => served(),
        }
    }
}

/// Which pass over the fit rows it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    /// From 1.
    pub number: usize,
    /// At most so many.
    pub of: usize,
}

/// AdamW (Loshchilov and Hutter 2019, algorithm 2), in one pass over the weights: candle-nn's makes a
/// dozen arrays per step, which took longer than all the rest of a step.
struct Adam {
    schedule: Schedule,
    steps: i32,
    /// By name, so that the order is the same in every run.
    learned: Vec<Learned>,
}

/// Weights with the running means of their gradient and its square.
struct Learned {
    var: Var,
    values: Vec<f32>,
    means: Vec<f32>,
    squares: Vec<f32>,
}

/// Adam's β₁, β₂ and ε (Kingma and Ba 2015).
const MEAN_DECAY: f32 = 0.9;
const SQUARE_DECAY: f32 = 0.999;
const EPSILON: f32 = 1e-8;

impl Adam {
    fn new(weights: &Weights, schedule: Schedule) -> candle_core::Result<Self> {
        let learned = weights.vars.values().map(|var| {
            Ok(Learned {
                var: var.clone(),
                values: var.flatten_all()?.to_vec1()?,
                means: vec![0.0; var.elem_count()],
                squares: vec![0.0; var.elem_count()],
            })
        });
        Ok(Self {
            schedule,
            steps: 0,
            learned: learned.collect::<candle_core::Result<_>>()?,
        })
    }

    /// Moves the weights against the gradient, which is shortened to [`CLIP`] if it is longer. Weights that the loss does not depend on stay. Says what is not finite, if something
    /// is: the `gradient` or a `weight`.
    fn step(&mut self, gradients: &GradStore) -> candle_core::Result<Option<&'static str>> {
        let mut with_gradient = Vec::new();
        let mut squares = 0.0;
        for learned in &mut self.learned {
            if let Some(gradient) = gradients.get(&learned.var) {
                let gradient: Vec<f32> = gradient.flatten_all()?.to_vec1()?;
                squares += gradient.iter().map(|x| x * x).sum::<f32>();
                with_gradient.push((learned, gradient));
            }
        }
        let length = squares.sqrt();
        if !length.is_finite() {
            return Ok(Some("gradient"));
        }
        let shorten = (CLIP / length).min(1.0);
        self.steps += 1;
        let mean_scale = 1.0 / (1.0 - MEAN_DECAY.powi(self.steps));
        let square_scale = 1.0 / (1.0 - SQUARE_DECAY.powi(self.steps));
        let rate = self.schedule.learning_rate as f32;
        let keep = 1.0 - (self.schedule.learning_rate * self.schedule.weight_decay) as f32;
        let mut finite = true;
        for (learned, gradient) in with_gradient {
            let moments = learned.means.iter_mut().zip(&mut learned.squares);
            for ((value, (mean, square)), gradient) in
                learned.values.iter_mut().zip(moments).zip(gradient)
            {
                let gradient = gradient * shorten;
                *mean = MEAN_DECAY * *mean + (1.0 - MEAN_DECAY) * gradient;
                *square = SQUARE_DECAY * *square + (1.0 - SQUARE_DECAY) * gradient * gradient;
                let root = (*square * square_scale).sqrt();
                *value = *value * keep - rate * (*mean * mean_scale) / (root + EPSILON);
                finite &= value.is_finite();
            }
            let values = Tensor::from_slice(&learned.values, learned.var.shape(), &Device::Cpu)?;
            learned.var.set(&values)?;
        }
        Ok((!finite).then_some("weight"))
    }
}
