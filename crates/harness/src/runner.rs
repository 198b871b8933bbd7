//! Runs an experiment: what can be had is evaluated, benchmark by benchmark, then all is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use ndarray::Array2;
use oats_datasets::{Benchmark, Dataset, Split};
use oats_embedders::Embedder;
use oats_routers::{Progress, Request, Training};

use crate::{
    EmbedderKind, Error, Experiment, Grid, Observer, Pool, Resources, RouterEntry, Sharing, Skip,
    aggregate::{SEEN, UNSEEN},
    evaluation::Evaluation,
    journal::{self, Journal},
    keepsakes::Keepsakes,
    manifest::Manifest,
    rows::{MetricRow, NO_EMBEDDER, Row, TestRow, write_rows},
    scores,
    skip::Omissions,
};

/// How an experiment is run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The folder that gets the experiment's own folder.
    pub out: PathBuf,
    /// Data sets whose absence is an error instead of a skip.
    pub require: Vec<Dataset>,
    /// Whether rankings are also written, as soon as a cell is done, as
    /// `trec/<dataset>/<split>/<outcomes>/<router>-<embedder>-<seed>/<pool>.run` with `qrels` beside
    /// it. Cells that were finished before are then computed again.
    pub trec: bool,
    /// Whether fitted routers are also saved, likewise, as
    /// `routers/<dataset>-<split>-<outcomes>-<router>-<embedder>-<seed>.safetensors`;
    /// [`oats_routers::load`] reads them.
    pub routers: bool,
    /// Whether what each test query scored is also written, as
    /// `scores/<dataset>/<split>/<outcomes>/<router>/<embedder>/<seed>/<pool>.csv`;
    /// [`CellScores`](crate::CellScores) reads them.
    pub scores: bool,
    /// With whom the work is shared. A run that only computes its share writes no rows and no manifest.
    pub sharing: Option<Sharing>,
}

/// What a run made.
#[derive(Debug)]
pub struct RunSummary {
    /// The experiment's folder: `metrics.csv`, `tests.csv`, `manifest.json`.
    pub folder: PathBuf,
    /// The rows of `metrics.csv`, sorted by key.
    pub metrics: Vec<MetricRow>,
    /// The rows of `tests.csv`.
    pub tests: Vec<TestRow>,
    /// What they were made from.
    pub manifest: Manifest,
    /// What was left out.
    pub skipped: Vec<Skip>,
    /// The files of its finished cells.
    cells: BTreeSet<PathBuf>,
}

impl RunSummary {
    /// Removes the finished cells that the run computed or took over, and no others: to be called
    /// when nothing that may need them again is still to be done. What another run into the same
    /// folder left when it was interrupted stays.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forget_cells(&self) -> Result<(), Error> {
        journal::remove(&self.cells)
    }
}

/// Runs every cell that can be run and writes the experiment's folder.
///
/// What cannot be had (a data set, a model) is reported to the observer and skipped, and so is a router in
/// another language where one of its cells fails ([`Skip::failed_cells`]). Finished cells
/// are kept in `cells` in the folder `out`, for later runs of this and of other experiments with the
/// same program, data and settings, until [`RunSummary::forget_cells`]. Cells are computed
/// on all threads of the current rayon pool. Result files are written when all are done, and are
/// bit-identical for any number of threads (the manifest tells of time and machine, and is not).
///
/// # Errors
/// Bad content, a missing data set that is required, a fit that fails, or a folder that cannot be
/// written. Results of earlier runs are left as they are. A fit that diverged leaves its last good
/// state in `diverged/`, as [`RunOptions::routers`] would.
pub fn run(
    experiment: &Experiment,
    resources: &Resources,
    options: &RunOptions,
    observer: &dyn Observer,
) -> Result<RunSummary, Error> {
    if options.routers
        && let Some(router) = experiment
            .routers
            .iter()
            .find(|r| r.spec.process().is_some())
    {
        return Err(Error::Experiment {
            file: experiment.name.clone(),
            problem: format!(
                "routers: `{}` is a process, which cannot be saved; leave it out, or save no routers",
                router.label
            ),
        });
    }
    let mut plan = Plan {
        experiment,
        resources,
        options,
        observer,
        skipped: Omissions::told_to(observer),
    };
    let tasks = plan.tasks()?;
    let folder = options.out.join(&experiment.name);
    let journal = Journal::open(&options.out)?;
    scores::forget(&folder)?;
    let keepsakes = Keepsakes::new(options, &folder);
    let (mut metrics, mut tests) = (Vec::new(), Vec::new());
    let mut datasets = BTreeMap::new();
    for task in &tasks {
        let evaluation = Evaluation {
            experiment,
            resources,
            observer,
            journal: &journal,
            sharing: options.sharing.as_ref(),
            keepsakes: &keepsakes,
            grid: task.grid,
            benchmark: &task.benchmark,
            pools: &task.pools,
            embedders: &task.embedders,
            without: &task.without,
        };
        let evaluated = evaluation.run()?;
        metrics.extend(evaluated.metrics);
        tests.extend(evaluated.tests);
        datasets.insert(task.benchmark.name().to_owned(), vec![evaluated.entry]);
        for skip in evaluated.failed {
            plan.skipped.add(skip);
        }
    }
    let manifest = Manifest {
        experiment: experiment.name.clone(),
        datasets,
    };
    if !metrics.is_empty() {
        metrics.sort_by(|a, b| a.key().cmp(&b.key()));
        write_rows(&folder.join(MetricRow::FILE), &metrics)?;
        write_rows(&folder.join(TestRow::FILE), &tests)?;
        manifest.write(&folder.join("manifest.json"))?;
    } else if options.sharing.as_ref().is_none_or(Sharing::makes_rows) {
        observer.note(&format!(
            "{}: nothing could be run, so its result files stay as they are",
            experiment.name
        ));
    }
    Ok(RunSummary {
        folder,
        metrics,
        tests,
        manifest,
        skipped: plan.skipped.into_skipped(),
        cells: journal.into_used(),
    })
}

/// Finds out what can be run, before anything is: bad input is not worth waiting for.
struct Plan<'a> {
    experiment: &'a Experiment,
    resources: &'a Resources,
    options: &'a RunOptions,
    observer: &'a dyn Observer,
    skipped: Omissions<'a>,
}

/// A benchmark with those of its grid's pools and embedders that can be had.
struct Task<'a> {
    grid: &'a Grid,
    benchmark: Arc<Benchmark>,
    pools: Vec<Pool>,
    embedders: Embedders,
    /// Labels of routers that cannot be had.
    without: Vec<String>,
}

type Embedders = Vec<(EmbedderKind, Arc<dyn Embedder>)>;

impl<'a> Plan<'a> {
    fn tasks(&mut self) -> Result<Vec<Task<'a>>, Error> {
        let mut tasks: Vec<Task<'a>> = Vec::new();
        for grid in &self.experiment.grids {
            for dataset in &grid.datasets {
                let (resources, required) = (self.resources, &self.options.require);
                let benchmark = self.skipped.benchmark(resources, dataset, required)?;
                let Some(benchmark) = benchmark else {
                    continue;
                };
                if tasks
                    .iter()
                    .any(|task| task.benchmark.name() == benchmark.name())
                {
                    return Err(Error::Experiment {
                        file: self.experiment.name.clone(),
                        problem: format!(
                            "datasets: `{dataset}` is the second whose rows would be labelled \
                             `{}`; rename its folder",
                            benchmark.name()
                        ),
                    });
                }
                let pools = self.pools(grid, &benchmark);
                let embedders = self.embedders(grid)?;
                let without = self.unanswered(grid, &benchmark, &pools)?;
                let mut text_routers = self.experiment.text_routers_on(grid);
                let some_router_runs = !embedders.is_empty()
                    || text_routers.any(|router| !without.contains(&router.label));
                if !pools.is_empty() && some_router_runs {
                    tasks.push(Task {
                        grid,
                        benchmark,
                        pools,
                        embedders,
                        without,
                    });
                }
            }
        }
        self.note_unknown_subsets(&tasks);
        Ok(tasks)
    }

    fn pools(&mut self, grid: &Grid, benchmark: &Benchmark) -> Vec<Pool> {
        let has_candidates = benchmark.has_candidates();
        let (possible, impossible): (Vec<Pool>, Vec<Pool>) = grid
            .pools
            .iter()
            .partition(|&&pool| pool == Pool::Catalogue || has_candidates);
        for pool in impossible {
            self.skipped.add(Skip {
                dataset: Some(benchmark.name().to_owned()),
                pool: Some(pool.to_string()),
                reason: format!(
                    "{}: pool {pool}: its queries come without candidate lists",
                    benchmark.name()
                ),
                ..Skip::default()
            });
        }
        possible
    }

    fn embedders(&mut self, grid: &Grid) -> Result<Embedders, Error> {
        let mut available = Vec::new();
        if !self.experiment.needs_embedder(grid) {
            return Ok(available);
        }
        for &kind in &grid.embedders {
            match self.resources.embedder(kind)? {
                Ok(embedder) => available.push((kind, embedder)),
                Err(reason) => {
                    if grid.logger() == Some(kind) {
                        self.skip_unlogged(grid, &reason);
                    }
                    self.skipped.add(Skip {
                        embedder: Some(kind.to_string()),
                        reason,
                        ..Skip::default()
                    });
                }
            }
        }
        Ok(available)
    }

    /// Routers that read no embeddings learn from nothing where the logging policy cannot read its
    /// own. Another embedder's log would give other numbers under the same labels.
    fn skip_unlogged(&mut self, grid: &Grid, reason: &str) {
        if self.experiment.text_routers_on(grid).next().is_none() {
            return;
        }
        let logged = grid
            .outcomes
            .iter()
            .filter(|outcomes| outcomes.are_logged());
        for outcomes in logged {
            for dataset in &grid.datasets {
                self.skipped.add(Skip {
                    dataset: Some(dataset.to_string()),
                    outcomes: Some(outcomes.to_string()),
                    embedder: Some(NO_EMBEDDER.to_owned()),
                    reason: format!("outcomes from a log need its policy's embedder: {reason}"),
                    ..Skip::default()
                });
            }
        }
    }

    /// Has every LLM on the grid asked for all that its cells need, so that they only look answers up.
    /// Gives the labels of those whose answers cannot be had.
    fn unanswered(
        &mut self,
        grid: &Grid,
        benchmark: &Benchmark,
        pools: &[Pool],
    ) -> Result<Vec<String>, Error> {
        let mut unanswered = Vec::new();
        for router in self.experiment.routers_on(grid) {
            if !router.spec.asks_an_llm() {
                continue;
            }
            let place = format!("{}/{}", benchmark.name(), router.label);
            match self.ask(grid, router, benchmark, pools, &place) {
                Ok(()) => {}
                Err(error) if error.is_unavailable() => {
                    self.skipped.add(Skip {
                        dataset: Some(benchmark.name().to_owned()),
                        router: Some(router.label.clone()),
                        reason: format!("not measured: {error}"),
                        ..Skip::default()
                    });
                    unanswered.push(router.label.clone());
                }
                Err(error) => {
                    return Err(Error::Router {
                        cell: place,
                        source: Box::new(error),
                        checkpoint: None,
                    });
                }
            }
        }
        Ok(unanswered)
    }

    fn ask(
        &self,
        grid: &Grid,
        router: &RouterEntry,
        benchmark: &Benchmark,
        pools: &[Pool],
        place: &str,
    ) -> Result<(), oats_routers::Error> {
        let mut tested = BTreeSet::new();
        for &kind in &grid.splits {
            for &seed in router.seeds_of(grid) {
                tested.extend(Split::new(kind, benchmark, seed).test);
            }
        }
        let mut requests = Vec::new();
        for query in tested.into_iter().map(|query| &benchmark.queries()[query]) {
            requests.extend(pools.iter().map(|pool| Request {
                text: &query.text,
                embedding: &[],
                candidates: pool.candidates(query),
            }));
        }
        let none = Array2::zeros((0, 0));
        let tell = |line: &str| self.observer.note(&format!("{place}: {line}"));
        let training = Training {
            tools: benchmark.tools(),
            tool_embeddings: none.view(),
            queries: Vec::new(),
            query_embeddings: none.view(),
            seed: 0,
            llm: self.resources.llm(),
            progress: Progress::to(&tell),
        };
        router
            .spec
            .fit(&training)?
            .prepare(&requests, Progress::to(&tell))
    }

    /// No error: the data set that has the subset may be the one that cannot be had.
    fn note_unknown_subsets(&self, tasks: &[Task<'_>]) {
        let known = |name: &String| {
            [SEEN, UNSEEN].contains(&name.as_str())
                || tasks
                    .iter()
                    .any(|task| task.benchmark.subsets().contains(name))
        };
        for name in self.experiment.subsets.iter().flatten() {
            if !known(name) {
                self.observer.note(&format!(
                    "{}: none of the data sets that are run has the subset `{name}`",
                    self.experiment.name
                ));
            }
        }
    }
}
