//! What a router may learn from: the catalogue and the training part of a split, nothing else.

use std::{borrow::Cow, collections::HashSet, fmt, num::NonZeroUsize, sync::Arc};

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use oats_datasets::{Outcome, Query, Tool, ToolId, split::group_texts};
use oats_llm::Chat;
use oats_metrics::Metric;
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{Error, Request, Router};

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
    /// Who answers for the router `llm`; the others need nobody.
    pub llm: Option<&'a Arc<dyn Chat>>,
    /// Told how a long fit comes along.
    pub progress: Progress<'a>,
}

/// What a fit may know of a query.
#[derive(Clone, Debug)]
pub struct TrainingQuery<'a> {
    /// What the user wrote.
    pub text: &'a str,
    /// The tools that are known to be right, with their grades.
    pub relevant: Cow<'a, [(ToolId, u32)]>,
    /// The short list that the query was asked with, if it was. Only for telling which wrong tools
    /// competed: where a source makes the list for the right tool (MetaTool's similar choices), a
    /// router that learned to read it would learn the label.
    pub candidates: &'a [ToolId],
    /// What is known of the other tools.
    pub feedback: Feedback,
}

/// What is known of the tools that are not known to be right.
#[derive(Clone, Debug, PartialEq)]
pub enum Feedback {
    /// They are wrong: the query was labelled.
    Complete,
    /// Nothing, unless it stands here: the query was logged, with these outcomes.
    Logged(Vec<Outcome>),
}

impl<'a> From<&'a Query> for TrainingQuery<'a> {
    fn from(query: &'a Query) -> Self {
        Self {
            text: &query.text,
            relevant: Cow::Borrowed(&query.relevant),
            candidates: &query.candidates,
            feedback: Feedback::Complete,
        }
    }
}

impl<'a> TrainingQuery<'a> {
    /// The query as a log has it: of its labels only the `outcomes` are known. A tool that succeeded
    /// counts as right, with grade 1.
    pub fn logged(query: &'a Query, outcomes: Vec<Outcome>) -> Self {
        let succeeded = outcomes.iter().filter(|outcome| outcome.success);
        Self {
            text: &query.text,
            relevant: succeeded.map(|outcome| (outcome.tool, 1)).collect(),
            candidates: &query.candidates,
            feedback: Feedback::Logged(outcomes),
        }
    }

    /// The tools that are known to be right.
    pub(crate) fn right_tools(&self) -> impl Iterator<Item = ToolId> + '_ {
        self.relevant.iter().map(|&(tool, _)| tool)
    }

    /// What was logged of the query; nothing, if it was labelled.
    pub(crate) fn outcomes(&self) -> &[Outcome] {
        match &self.feedback {
            Feedback::Complete => &[],
            Feedback::Logged(outcomes) => outcomes,
        }
    }

    /// Whether `tool` is known to be right.
    pub fn is_relevant(&self, tool: ToolId) -> bool {
        self.right_tools().any(|right| right == tool)
    }

    /// Whether `tool` is known to be wrong.
    pub fn is_wrong(&self, tool: ToolId) -> bool {
        match &self.feedback {
            Feedback::Complete => !self.is_relevant(tool),
            Feedback::Logged(outcomes) => outcomes
                .iter()
                .any(|outcome| outcome.tool == tool && !outcome.success),
        }
    }
}

impl<'a> Training<'a> {
    /// Parts the training queries at random into rows to fit on and rows to validate on, both in
    /// rising order; depends on nothing but the texts and the arguments.
    ///
    /// Queries with the same [normalised](oats_datasets::split::normalise) text stay together, so
    /// that validation is not misled by repetitions. Texts are drawn, but never all of them, until
    /// they have `share` of the queries (0 to 1) or, where the last one is repeated, some more. Then
    /// a text none of whose right tools is right for a fit row goes back to these: it would ask for
    /// tools without outcomes, another task than the one at hand. So validation can be empty.
    pub fn hold_out(&self, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
        let mut groups = group_texts(self.queries.iter().map(|query| query.text));
        groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let wanted = ((share.clamp(0.0, 1.0) * self.queries.len() as f64) as usize).max(1);
        let (mut held_out, mut count) = (Vec::new(), 0);
        while count < wanted && groups.len() > 1 {
            let group = groups.pop().unwrap_or_default();
            count += group.len();
            held_out.push(group);
        }
        let mut fit = groups.concat();
        let right = |row: &usize| self.queries[*row].right_tools();
        let known: HashSet<ToolId> = fit.iter().flat_map(right).collect();
        let asks_for_known = |group: &Vec<usize>| {
            group
                .iter()
                .flat_map(right)
                .any(|tool| known.contains(&tool))
        };
        let (validation, back): (Vec<_>, Vec<_>) = held_out.into_iter().partition(asks_for_known);
        let mut validation = validation.concat();
        fit.extend(back.concat());
        fit.sort_unstable();
        validation.sort_unstable();
        (fit, validation)
    }

    /// Parts the training queries into rows to fit on and rows to choose settings and epochs by: a
    /// share (0 to 1), but no more than about 1,000, which tell routers apart well enough and rank in
    /// little time.
    pub(crate) fn fit_and_validation(&self, share: f64) -> (Vec<usize>, Vec<usize>) {
        let most = 1000.0 / self.queries.len().max(1) as f64;
        self.hold_out(share.min(most), self.seed)
    }

    /// Parts the training queries at random into `count` parts of about the same size, queries with
    /// the same normalised text together. Gives each row's part, from 0.
    pub fn folds(&self, count: NonZeroUsize, seed: u64) -> Vec<usize> {
        let mut groups = group_texts(self.queries.iter().map(|query| query.text));
        groups.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let mut fold_of = vec![0; self.queries.len()];
        let mut sizes = vec![0; count.get()];
        for group in groups {
            let smallest = (0..sizes.len())
                .min_by_key(|&fold| sizes[fold])
                .unwrap_or(0);
            sizes[smallest] += group.len();
            for row in group {
                fold_of[row] = smallest;
            }
        }
        fold_of
    }

    /// The training queries of these rows, copied.
    pub fn part(&self, rows: &[usize]) -> TrainingPart<'a> {
        let with_vectors = self.query_embeddings.nrows() > 0;
        TrainingPart {
            queries: rows.iter().map(|&row| self.queries[row].clone()).collect(),
            query_embeddings: if with_vectors {
                self.query_embeddings.select(Axis(0), rows)
            } else {
                self.query_embeddings.to_owned()
            },
            whole: Training {
                queries: Vec::new(),
                ..*self
            },
        }
    }

    /// The request that a training query makes, over the whole catalogue.
    pub fn request(&self, row: usize) -> Request<'_> {
        Request {
            text: self.queries[row].text,
            embedding: match self.query_embeddings.nrows() {
                0 => &[],
                _ => self
                    .query_embeddings
                    .row(row)
                    .to_slice()
                    .unwrap_or_default(),
            },
            candidates: None,
        }
    }

    /// Mean NDCG@5 of `router` over those of `rows` that have a right tool, from 0 to 1, over the
    /// whole catalogue; `None` if none has. What fits are stopped and settings are chosen by.
    pub fn ndcg(&self, router: &dyn Router, rows: &[usize]) -> Option<f64> {
        let judged: Vec<usize> = rows
            .iter()
            .copied()
            .filter(|&row| !self.queries[row].relevant.is_empty())
            .collect();
        let scores: Vec<f64> = judged
            .par_iter()
            .map(|&row| {
                let ranking = router.rank(&self.request(row), DEPTH.get());
                let tools: Vec<ToolId> = ranking.iter().map(|ranked| ranked.tool).collect();
                Metric::Ndcg(DEPTH).score(&tools, &self.queries[row].relevant)
            })
            .collect();
        match scores.len() {
            0 => None,
            count => Some(scores.iter().sum::<f64>() / count as f64),
        }
    }

    /// Checks, for routers that learn from labels, that every label, outcome and candidate is a tool
    /// of the catalogue, that propensities are probabilities, and that every query has a vector or
    /// none has one.
    ///
    /// # Errors
    /// [`Error::Shape`], naming the query.
    pub(crate) fn check_labels(&self) -> Result<(), Error> {
        let vectors = self.query_embeddings.nrows();
        if vectors != 0 && vectors != self.queries.len() {
            return Err(Error::Shape(format!(
                "{} queries with {vectors} vectors",
                self.queries.len()
            )));
        }
        check_labels(&self.queries, self.tools.len())
    }

    /// Checks, for routers that learn from vectors and labels, that every tool and query has a
    /// unit vector of the same dimension and that every label names a tool.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Vector`], naming the tool or query.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let tools = self.tool_embeddings;
        if tools.nrows() != self.tools.len() {
            return Err(Error::Shape(format!(
                "{} tools with {} vectors",
                self.tools.len(),
                tools.nrows()
            )));
        }
        check_vectors(tools, |tool| format!("tool \"{}\"", self.tools[tool].name))?;
        check_queries(&self.queries, self.query_embeddings, tools.dim())
    }
}

/// Checks that every query has a unit vector that fits the tools' (tools × d) and that every label,
/// outcome and candidate is a tool.
///
/// # Errors
/// [`Error::Shape`] or [`Error::Vector`], naming the query.
pub(crate) fn check_queries(
    queries: &[TrainingQuery<'_>],
    vectors: ArrayView2<'_, f32>,
    (tools, d): (usize, usize),
) -> Result<(), Error> {
    if vectors.nrows() != queries.len() {
        return Err(Error::Shape(format!(
            "{} queries with {} vectors",
            queries.len(),
            vectors.nrows()
        )));
    }
    if vectors.ncols() != d {
        return Err(Error::Shape(format!(
            "tool vectors have {d} components, query vectors {}",
            vectors.ncols()
        )));
    }
    // A request borrows a row.
    if vectors
        .rows()
        .into_iter()
        .any(|row| row.to_slice().is_none())
    {
        return Err(Error::Shape(
            "the components of a query's vector do not stand side by side in memory; give a \
             matrix in row order (`as_standard_layout`)"
                .to_owned(),
        ));
    }
    check_vectors(vectors, |row| {
        format!("training query \"{}\"", queries[row].text)
    })?;
    check_labels(queries, tools)
}

fn check_labels(queries: &[TrainingQuery<'_>], tools: usize) -> Result<(), Error> {
    for query in queries {
        let outcomes = query.outcomes();
        let is_probability = |propensity: f64| propensity > 0.0 && propensity <= 1.0;
        if let Some(outcome) = outcomes
            .iter()
            .find(|outcome| !is_probability(outcome.propensity.into()))
        {
            return Err(Error::Shape(format!(
                "training query \"{}\" has an outcome of propensity {}; it must be above 0 and \
                     at most 1",
                query.text, outcome.propensity
            )));
        }
        let named = query
            .right_tools()
            .chain(outcomes.iter().map(|outcome| outcome.tool))
            .chain(query.candidates.iter().copied());
        if let Some(tool) = named.into_iter().find(|&tool| tool >= tools) {
            return Err(Error::Shape(format!(
                "training query \"{}\" names tool {tool}, but there are {}",
                query.text, tools
            )));
        }
    }
    Ok(())
}

/// NDCG's cut-off in [`Training::ndcg`].
const DEPTH: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

/// Checks a setting that is the share of the training queries to validate on.
///
/// # Errors
/// [`Error::Setting`].
pub(crate) fn check_share(router: &'static str, share: f64) -> Result<(), Error> {
    if share > 0.0 && share < 1.0 {
        return Ok(());
    }
    let expected = "between 0 and 1, and neither";
    Err(Error::setting(router, "validation", &share, expected))
}

/// Some of the training queries, with everything else of the view they were taken from.
pub struct TrainingPart<'a> {
    whole: Training<'a>,
    queries: Vec<TrainingQuery<'a>>,
    query_embeddings: Array2<f32>,
}

impl TrainingPart<'_> {
    /// The part as a training view.
    pub fn view(&self) -> Training<'_> {
        Training {
            tools: self.whole.tools,
            tool_embeddings: self.whole.tool_embeddings.view(),
            queries: self.queries.clone(),
            query_embeddings: self.query_embeddings.view(),
            seed: self.whole.seed,
            llm: self.whole.llm,
            progress: self.whole.progress,
        }
    }
}

/// Receives a line now and then while a long fit runs, such as `epoch 3 of 20, loss 1.25`.
#[derive(Clone, Copy)]
pub struct Progress<'a>(&'a (dyn Fn(&str) + Sync));

impl<'a> Progress<'a> {
    /// Progress that is passed on to `receiver`.
    pub fn to(receiver: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self(receiver)
    }

    /// Progress that nobody reads.
    pub fn silent() -> Self {
        Self(&|_| ())
    }

    pub(crate) fn say(&self, line: &str) {
        (self.0)(line);
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// Far above the rounding of f32, far below the lengths of vectors that nobody normalised.
const UNIT_TOLERANCE: f64 = 1e-3;

/// Checks that every row is a unit vector; the first that is not is the one that is named.
fn check_vectors(
    vectors: ArrayView2<'_, f32>,
    what: impl Fn(usize) -> String + Sync,
) -> Result<(), Error> {
    let problem = (0..vectors.nrows())
        .into_par_iter()
        .find_map_first(|row| problem_of(vectors.row(row)).map(|problem| (row, problem)));
    match problem {
        None => Ok(()),
        Some((row, problem)) => Err(Error::Vector {
            what: what(row),
            problem,
        }),
    }
}

fn problem_of(vector: ArrayView1<'_, f32>) -> Option<&'static str> {
    // In single precision, which is quick, vectors that are well within the tolerance can be told.
    if (vector.dot(&vector) - 1.0).abs() < UNIT_TOLERANCE as f32 {
        return None;
    }
    let norm = vector
        .fold(0.0, |sum, &x| sum + f64::from(x).powi(2))
        .sqrt();
    if !norm.is_finite() {
        Some("not finite")
    } else if norm == 0.0 {
        Some("zero")
    } else if (norm - 1.0).abs() > UNIT_TOLERANCE {
        Some("not of unit length")
    } else {
        None
    }
}
