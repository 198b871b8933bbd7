//! What a router may learn from: the catalogue and the training part of a split, nothing else.

use ndarray::{ArrayView1, ArrayView2};
use oats_datasets::{Query, Tool, ToolId};

use crate::Error;

/// The training view. Test queries and their labels are not in it.
///
/// The embedding matrices have no rows where the router reads no embeddings.
#[derive(Clone, Debug)]
pub struct Training<'a> {
    /// The whole catalogue.
    pub tools: &'a [Tool],
    /// One unit vector per tool (tools × d).
    pub tool_embeddings: ArrayView2<'a, f32>,
    /// The training queries.
    pub queries: Vec<TrainingQuery<'a>>,
    /// One unit vector per training query (queries × d).
    pub query_embeddings: ArrayView2<'a, f32>,
    /// Seed for everything the fit draws.
    pub seed: u64,
}

/// What a fit may know of a query. Its candidates are not part of it: where a source makes them for
/// the right tool (MetaTool's similar choices), they would give the label away.
#[derive(Clone, Copy, Debug)]
pub struct TrainingQuery<'a> {
    /// What the user wrote.
    pub text: &'a str,
    /// The right tools with their grades.
    pub relevant: &'a [(ToolId, u32)],
}

impl<'a> From<&'a Query> for TrainingQuery<'a> {
    fn from(query: &'a Query) -> Self {
        Self {
            text: &query.text,
            relevant: &query.relevant,
        }
    }
}

impl TrainingQuery<'_> {
    /// Whether `tool` is among the right ones.
    pub fn is_relevant(&self, tool: ToolId) -> bool {
        self.relevant.iter().any(|&(relevant, _)| relevant == tool)
    }
}

impl Training<'_> {
    /// Checks, for routers that learn from vectors and labels, that every tool and query has a
    /// unit vector of the same dimension and that every label names a tool.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Vector`], naming the tool or query.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (tools, queries) = (self.tool_embeddings, self.query_embeddings);
        if tools.nrows() != self.tools.len() || queries.nrows() != self.queries.len() {
            return Err(Error::Shape(format!(
                "{} tools with {} vectors, {} queries with {} vectors",
                self.tools.len(),
                tools.nrows(),
                self.queries.len(),
                queries.nrows()
            )));
        }
        if tools.ncols() != queries.ncols() {
            return Err(Error::Shape(format!(
                "tool vectors have {} components, query vectors {}",
                tools.ncols(),
                queries.ncols()
            )));
        }
        for (tool, vector) in self.tools.iter().zip(tools.rows()) {
            check_vector(vector, || format!("tool \"{}\"", tool.name))?;
        }
        for (query, vector) in self.queries.iter().zip(queries.rows()) {
            check_vector(vector, || format!("training query \"{}\"", query.text))?;
            if let Some((tool, _)) = query.relevant.iter().find(|&&(t, _)| t >= self.tools.len()) {
                return Err(Error::Shape(format!(
                    "training query \"{}\" is labelled with tool {tool}, but there are {}",
                    query.text,
                    self.tools.len()
                )));
            }
        }
        Ok(())
    }
}

/// Far above the rounding of f32, far below the lengths of vectors that nobody normalised.
const UNIT_TOLERANCE: f64 = 1e-3;

fn check_vector(vector: ArrayView1<'_, f32>, what: impl Fn() -> String) -> Result<(), Error> {
    let norm = vector
        .fold(0.0, |sum, &x| sum + f64::from(x).powi(2))
        .sqrt();
    let problem = if !norm.is_finite() {
        "not finite"
    } else if norm == 0.0 {
        "zero"
    } else if (norm - 1.0).abs() > UNIT_TOLERANCE {
        "not of unit length"
    } else {
        return Ok(());
    };
    Err(Error::Vector {
        what: what(),
        problem,
    })
}
