//! Vectors in the plane that holds most of their variance.

use linfa_linalg::eigh::{EigSort, EighInto};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

/// The first two principal components of some vectors.
#[derive(Clone, Debug)]
pub struct Projection {
    centre: Array1<f64>,
    /// Unit vectors, 2 × d; the second is zero where d is 1.
    axes: Array2<f64>,
    /// The share of the variance along each axis, 0 to 1.
    pub shares: [f64; 2],
}

impl Projection {
    /// Of at least one vector of at least one component (vectors × d). The largest component of each axis, by
    /// its absolute value, is above zero, so that the same vectors always lie on the same side.
    ///
    /// # Errors
    /// What is wrong, if there is no vector.
    pub fn of(vectors: ArrayView2<'_, f32>) -> Result<Self, String> {
        let vectors = vectors.mapv(f64::from);
        let centre = vectors.mean_axis(Axis(0)).filter(|mean| !mean.is_empty());
        let centre = centre.ok_or("there are no vectors to project")?;
        let centred = &vectors - &centre;
        let scatter = centred.t().dot(&centred);
        let decomposed = scatter.eigh_into().map_err(|error| error.to_string())?;
        let (values, components) = decomposed.sort_eig_desc();
        let mut axes = Array2::zeros((2, centre.len()));
        let mut shares = [0.0; 2];
        let all: f64 = values.iter().map(|value| value.max(0.0)).sum();
        let found = components.columns().into_iter().zip(&values);
        for ((mut axis, share), (component, value)) in
            axes.rows_mut().into_iter().zip(&mut shares).zip(found)
        {
            axis.assign(&(sign_of_largest(component) * &component));
            if all > 0.0 {
                *share = value.max(0.0) / all;
            }
        }
        Ok(Self {
            centre,
            axes,
            shares,
        })
    }

    /// Where a vector lies.
    ///
    /// # Panics
    /// If it has another length than those that the projection was made of.
    pub fn place(&self, vector: ArrayView1<'_, f32>) -> [f64; 2] {
        let place = self.axes.dot(&(vector.mapv(f64::from) - &self.centre));
        [place[0], place[1]]
    }
}

fn sign_of_largest(component: ArrayView1<'_, f64>) -> f64 {
    let mut largest = 0.0f64;
    for &value in component {
        if value.abs() > largest.abs() {
            largest = value;
        }
    }
    if largest < 0.0 { -1.0 } else { 1.0 }
}
