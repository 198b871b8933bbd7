//! The cells of one block, a benchmark under one kind of split and of outcomes: which there are, what
//! their routers learn from, and that each is computed once.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use oats_datasets::{Split, SplitKind};

use crate::{
    EmbedderKind, Error, Lack, Left, Outcomes, RouterEntry, Shard, Sharing, Skip, Sources,
    aggregate::Series,
    cell::{Cell, Computed},
    evaluation::{Embedded, Evaluation, Inputs},
    journal::{self, Journal},
    outcomes::Drawn,
    rows::NO_EMBEDDER,
    shard::Place,
    workers::in_parallel,
};

/// A router with one embedder: a cell for each of its seeds.
struct Run<'a> {
    router: &'a RouterEntry,
    /// `None` for routers that read no embeddings.
    embedded: Option<&'a Embedded<'a>>,
    /// Whose vectors the logging policy reads, where there is a log.
    logger: Option<&'a Embedded<'a>>,
    /// How many of the grid's.
    seeds: usize,
}

/// What routers learn from, by the logging policy's embedder and the position of the seed.
type Draws = HashMap<(Option<EmbedderKind>, usize), Vec<Drawn>>;

impl Evaluation<'_> {
    /// Every router by every embedder, each with one cell a seed; and those of which a cell failed, which
    /// are left out. None where the run only computes its share of the cells.
    pub(crate) fn series(
        &self,
        inputs: &Inputs<'_>,
        kind: SplitKind,
        outcomes: Outcomes,
        splits: &[Split],
    ) -> Result<(Option<Vec<Series>>, Vec<Skip>), Error> {
        let runs = self.runs(inputs, outcomes);
        let draws = self.draws(inputs, &runs, outcomes, splits);
        let protocol = match outcomes {
            Outcomes::All => format!("{}: {kind} split", self.benchmark.name()),
            other => format!("{}: {kind} split, {other}", self.benchmark.name()),
        };
        let mut cells = Vec::new();
        for run in &runs {
            let files = self.checksums(run.router)?;
            let sources = self.sources(inputs, run, &files);
            let embedder = run.embedded.map_or(NO_EMBEDDER, |e| e.embedder.name());
            let logger = run.logger.map(|logger| logger.kind);
            for (position, (&seed, split)) in self
                .grid
                .seeds
                .iter()
                .zip(splits)
                .take(run.seeds)
                .enumerate()
            {
                let cell = Cell {
                    labels: format!(
                        "{}/{kind}/{outcomes}/{}-{embedder}-{seed}",
                        self.benchmark.name(),
                        run.router.label
                    ),
                    folder: [
                        self.benchmark.name(),
                        &kind.to_string(),
                        &outcomes.to_string(),
                        &run.router.label,
                        embedder,
                        &seed.to_string(),
                    ]
                    .iter()
                    .collect(),
                    benchmark: self.benchmark,
                    split,
                    drawn: draws.get(&(logger, position)).map_or(&[], Vec::as_slice),
                    seed,
                    router: run.router,
                    embeddings: run.embedded.map_or(&inputs.none, |e| &e.vectors),
                    pools: self.pools,
                    metrics: &self.experiment.metrics,
                    llm: self.resources.llm(),
                };
                let settings = serde_json::json!([
                    inputs.benchmark,
                    kind,
                    outcomes,
                    seed,
                    run.embedded.map(|e| e.embedder.fingerprint()),
                    run.logger.map(|e| e.embedder.fingerprint()),
                    run.router.spec,
                    files,
                    self.pools,
                    self.experiment.metrics,
                ]);
                cells.push((
                    cell,
                    self.journal.key(&settings.to_string()),
                    sources.clone(),
                ));
            }
        }
        let labels: Vec<String> = cells.iter().map(|(cell, ..)| cell.labels.clone()).collect();
        let mut computed = labels.into_iter().zip(self.computed(&protocol, cells)?);
        let (mut series, mut failed) = (Vec::new(), Vec::new());
        for run in &runs {
            let (mut scores, mut failures) = (Vec::new(), Vec::new());
            for (labels, computed) in computed.by_ref().take(run.seeds) {
                match computed {
                    Some(Ok(computed)) => scores.push(computed),
                    Some(Err(failure)) => failures.push(format!("{labels}: {failure}")),
                    None => {}
                }
            }
            let embedder = run.embedded.map_or(NO_EMBEDDER, |e| e.embedder.name());
            match failures.first() {
                None => series.push(Series {
                    router: run.router.label.clone(),
                    embedder: embedder.to_owned(),
                    scores,
                }),
                Some(reason) => failed.push(Skip {
                    dataset: Some(self.benchmark.name().to_owned()),
                    split: Some(kind.to_string()),
                    outcomes: Some(outcomes.to_string()),
                    router: Some(run.router.label.clone()),
                    reason: reason.clone(),
                    failed_cells: failures.len(),
                    ..Skip::default()
                }),
            }
        }
        let rows_are_made = self.sharing.is_none_or(Sharing::makes_rows);
        Ok((rows_are_made.then_some(series), failed))
    }

    /// Those that can be run: where the embedder of the log or an LLM's answers are not at hand, the
    /// plan has said so.
    fn runs<'a>(&'a self, inputs: &'a Inputs<'a>, outcomes: Outcomes) -> Vec<Run<'a>> {
        let mut runs = Vec::new();
        for router in self.experiment.routers_on(self.grid) {
            if self.without.contains(&router.label) {
                continue;
            }
            let seeds = router.seeds_of(self.grid).len();
            let mut add = |embedded, logger| {
                runs.push(Run {
                    router,
                    embedded,
                    logger,
                    seeds,
                });
            };
            if router.spec.reads_embeddings() {
                for embedded in &inputs.embedded {
                    if router.is_run_with(embedded.kind) {
                        add(Some(embedded), outcomes.are_logged().then_some(embedded));
                    }
                }
            } else if outcomes.are_logged() {
                let mut embedded = inputs.embedded.iter();
                if let Some(logger) = embedded.find(|e| Some(e.kind) == self.grid.logger()) {
                    add(None, Some(logger));
                }
            } else {
                add(None, None);
            }
        }
        runs
    }

    /// The same for all routers, so that none has another log than its rivals.
    fn draws(
        &self,
        inputs: &Inputs<'_>,
        runs: &[Run<'_>],
        outcomes: Outcomes,
        splits: &[Split],
    ) -> Draws {
        let mut draws = Draws::new();
        for run in runs {
            let logger = run.logger.map(|logger| logger.kind);
            let embeddings = run.logger.map_or(&inputs.none, |logger| &logger.vectors);
            let seeds = self.grid.seeds.iter().zip(splits).take(run.seeds);
            for (position, (&seed, split)) in seeds.enumerate() {
                draws.entry((logger, position)).or_insert_with(|| {
                    outcomes.draw(self.benchmark, &split.train, embeddings, seed)
                });
            }
        }
        draws
    }

    /// What comes of the cells, in order: out of the journal or of another's, or else computed. None for a
    /// cell that another machine computes.
    fn computed(
        &self,
        what: &str,
        cells: Vec<(Cell<'_>, String, Sources)>,
    ) -> Result<Vec<Option<Computed>>, Error> {
        // Experiments list their routers from plain to costly. The costly ones first, so that no
        // thread is left alone with one at the end.
        let cells = cells.into_iter().rev().map(|(cell, key, sources)| {
            let place = self.place(&cell, &key);
            (cell, key, sources, place)
        });
        // Dealt one after another, before any is computed: all machines are to deal alike.
        let cells: Vec<_> = cells.collect();
        let is_elsewhere = |(.., place): &(_, _, _, Place<'_>)| matches!(place, Place::Elsewhere);
        let all = cells.len();
        let own = all - cells.iter().filter(|cell| is_elsewhere(cell)).count();
        let what = match own {
            some if some < all => format!("{what}: {some} of {all} cells"),
            _ => what.to_owned(),
        };
        self.observer.begin(&what, own);
        let known = AtomicUsize::new(0);
        let mut computed = in_parallel(&cells, |(cell, key, sources, place)| {
            let computed = match place {
                Place::Elsewhere => return Ok(None),
                Place::Done(shard, left) => self.done(cell, key, sources, *shard, left)?,
                Place::Here => self.known_or_computed(cell, key, &known)?,
            };
            if let Ok(scores) = &computed {
                self.keepsakes.scores(cell, scores)?;
            }
            self.observer.advance(1);
            Ok(Some(computed))
        })?;
        computed.reverse();
        self.observer.end();
        let known = known.into_inner();
        if known > 0 {
            self.observer.note(&format!(
                "{what}: {known} of {} cells were finished before",
                own
            ));
        }
        Ok(computed)
    }

    /// An LLM's answers are kept elsewhere, and are not in a cell's key. They are only looked up, which is
    /// left to where the rows are made.
    fn place(&self, cell: &Cell<'_>, key: &str) -> Place<'_> {
        match self.sharing {
            None => Place::Here,
            Some(sharing) if cell.router.spec.asks_an_llm() => match sharing.makes_rows() {
                true => Place::Here,
                false => Place::Elsewhere,
            },
            Some(sharing) => sharing.place(key),
        }
    }

    fn done(
        &self,
        cell: &Cell<'_>,
        key: &str,
        sources: &Sources,
        shard: Shard,
        left: &Left,
    ) -> Result<Computed, Error> {
        let outcome = Journal::open(&left.folder)?.outcome(key, cell.shape());
        // A cell of other sources has another key.
        let is_other = |(name, here): &(&String, &String)| {
            let there = left.sources.get(*name);
            there.is_some_and(|there| there != *here)
        };
        outcome.map_err(|lack| Error::NoCell {
            cell: format!("{}: {}", self.experiment.name, cell.labels),
            lack: match sources.iter().find(is_other) {
                Some((name, _)) => Lack::Other(name.clone()),
                None => lack,
            },
            folder: left.folder.clone(),
            shard,
        })
    }

    /// What the run's cells are made from; whoever joins them is told.
    fn sources(&self, inputs: &Inputs<'_>, run: &Run<'_>, files: &Sources) -> Sources {
        let mut sources = files.clone();
        let name = format!("the data set {}", self.benchmark.name());
        sources.insert(name, inputs.benchmark.clone());
        for embedded in [run.embedded, run.logger].into_iter().flatten() {
            let name = format!(
                "the embedder {} (its model or backend)",
                embedded.embedder.name()
            );
            sources.insert(name, embedded.embedder.fingerprint().to_owned());
        }
        if let Some(sharing) = self.sharing {
            sharing.add_sources(&sources);
        }
        sources
    }

    fn known_or_computed(
        &self,
        cell: &Cell<'_>,
        key: &str,
        known: &AtomicUsize,
    ) -> Result<Computed, Error> {
        let is_kept = self.is_kept(cell);
        if is_kept
            && !self.keepsakes.are_wanted()
            && let Some(scores) = self.journal.load(key, cell.shape())
        {
            known.fetch_add(1, Ordering::Relaxed);
            return Ok(Ok(scores));
        }
        let computed = cell.compute(self.keepsakes, self.observer)?;
        match &computed {
            Ok(scores) if is_kept => self.journal.store(key, scores)?,
            Err(reason) if is_kept => self.journal.store_failure(key, reason)?,
            _ => {}
        }
        Ok(computed)
    }

    /// Whether the cell's key holds all that its numbers depend on. It does not know what a process reads, so
    /// that a run could take the mean over old code and new; a shard's cells must be kept all the same, to be
    /// joined.
    fn is_kept(&self, cell: &Cell<'_>) -> bool {
        let spec = &cell.router.spec;
        !spec.asks_an_llm() && (spec.process().is_none() || self.sharing.is_some())
    }

    /// Of the files that are known to be a router's process, where cells of several machines are joined.
    fn checksums(&self, router: &RouterEntry) -> Result<Sources, Error> {
        let process = router.spec.process().filter(|_| self.sharing.is_some());
        let checksum = |file: &Path| {
            let bytes = fs::read(file).map_err(Error::io("read", file))?;
            let name = format!("the file {}", file.display());
            Ok((name, journal::checksum(&bytes)))
        };
        let files = process.map(|process| process.files());
        files.into_iter().flatten().map(checksum).collect()
    }
}
