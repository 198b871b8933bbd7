//! The answer, written from the rows.

use std::{collections::BTreeSet, fmt::Write as _};

use oats_metrics::Stage;

use super::{ALL_THREADS, Latency, Limit, Limited, ROUTER, WHOLE, value};
use crate::{
    Manifest,
    costs::report::whole,
    report::{digits::three_digits, head},
    rows::{LatencyRow, NONE},
};

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn latency_report(
    study: &Latency,
    rows: &[LatencyRow],
    manifest: &Manifest,
    figure: Option<&str>,
) -> String {
    let mut text = head(&study.name, &study.question);
    let measured: Vec<OfDataset<'_>> = manifest
        .datasets
        .keys()
        .map(|dataset| OfDataset {
            study,
            dataset,
            rows: rows.iter().filter(|row| row.dataset == *dataset).collect(),
        })
        .collect();
    for dataset in &measured {
        text += &dataset.sentence();
    }
    for limit in &study.limits {
        text += &measured
            .iter()
            .map(|of| of.verdicts(limit))
            .collect::<String>();
    }
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", study.name);
    }
    for dataset in &measured {
        let _ = writeln!(text, "\n## {}", dataset.dataset);
        text += &dataset.requests();
        text += &dataset.stages();
        text += &dataset.load();
        text += &dataset.sizes();
    }
    text + NOTES + &manifest.not_upstream_note()
}

/// The rows of a dataset.
struct OfDataset<'a> {
    study: &'a Latency,
    dataset: &'a str,
    rows: Vec<&'a LatencyRow>,
}

/// A router with an embedder that it was timed with, or `none`.
type Pair<'a> = (&'a str, &'a str);

impl<'a> OfDataset<'a> {
    /// In the experiment's order.
    fn pairs(&self) -> Vec<Pair<'a>> {
        let mut pairs = Vec::new();
        let known: BTreeSet<Pair<'a>> = self
            .rows
            .iter()
            .map(|row| (row.router.as_str(), row.embedder.as_str()))
            .collect();
        let embedders: Vec<String> = self.embedders();
        for router in &self.study.routers {
            for embedder in embedders.iter().map(String::as_str).chain([NONE]) {
                let mut known = known.iter();
                pairs.extend(known.find(|known| **known == (router.label.as_str(), embedder)));
            }
        }
        pairs
    }

    fn embedders(&self) -> Vec<String> {
        let embedders = self.study.embedders.iter();
        embedders.map(ToString::to_string).collect()
    }

    fn value(&self, (router, embedder): Pair<'_>, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = [&[("router", router), ("embedder", embedder)], labels].concat();
        value(self.rows.iter().copied(), &labels)
    }

    /// Of a request over the catalogue, one at a time.
    fn of_request(
        &self,
        pair: Pair<'_>,
        threads: &str,
        stage: &str,
        quantity: &str,
    ) -> Option<f64> {
        self.value(
            pair,
            &[
                ("pool", "catalogue"),
                ("threads", threads),
                ("callers", "1"),
                ("stage", stage),
                ("quantity", quantity),
            ],
        )
    }

    fn sentence(&self) -> String {
        let shown: Vec<String> = self
            .pairs()
            .into_iter()
            .filter(|(router, _)| *router == "dense" || *router == "bm25")
            .filter_map(|pair| {
                let all = self.of_request(pair, "1", WHOLE, "p50-ms")?;
                let beyond = self.of_request(pair, "1", ROUTER, "p50-ms")?;
                let name = match pair {
                    (router, NONE) => router.to_owned(),
                    (router, embedder) => format!("{router} with {embedder}"),
                };
                Some(format!(
                    "{name} {} ms, {} µs of it in the router",
                    three_digits(all),
                    three_digits(1e3 * beyond)
                ))
            })
            .collect();
        format!(
            "- **{}.** A request over the whole catalogue takes (p50, one thread): {}.\n",
            self.dataset,
            shown.join("; ")
        )
    }

    /// Whether the routers of a limit keep it.
    fn verdicts(&self, limit: &Limit) -> String {
        let is_limited = |dataset: &str| limit.datasets.iter().any(|of| of.to_string() == dataset);
        if !is_limited(self.dataset) {
            return String::new();
        }
        let (stage, of) = match limit.stage {
            Limited::Router => (ROUTER, "Beyond the embedding"),
            Limited::All => (WHOLE, "A whole request"),
        };
        let embedders = limit.embedders.as_ref().unwrap_or(&self.study.embedders);
        let mut told = Vec::new();
        let (mut kept, mut missing) = (true, false);
        for router in &limit.routers {
            for embedder in embedders {
                let embedder = embedder.to_string();
                let took = self.of_request((router, &embedder), "1", stage, "p50-ms");
                kept &= took.is_none_or(|took| 1e3 * took <= limit.microseconds);
                missing |= took.is_none();
                let took = took.map_or("not measured".to_owned(), |took| three_digits(1e3 * took));
                told.push(format!("{router} with {embedder} {took}"));
            }
        }
        let verdict = match (kept, missing) {
            (false, _) => "no",
            (true, true) => "not all measured",
            (true, false) => "yes",
        };
        format!(
            "- **{of} at most {} µs on {} (aim)**: {verdict}. Measured (p50, µs): {}.\n",
            limit.microseconds,
            self.dataset,
            told.join(", ")
        )
    }

    fn requests(&self) -> String {
        let columns = ["p50-ms", "p95-ms", "p99-ms", "max-ms"];
        let mut text = "\nMilliseconds of a request, one at a time, over the catalogue; at the end the p50 over the \
                        candidates and, over the catalogue, on all threads.\n\n\
                        | router | embedder | p50 | p95 | p99 | max | candidates | all threads |\n\
                        | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
        for pair in self.pairs() {
            let mut cells: Vec<Option<f64>> = columns
                .iter()
                .map(|quantity| self.of_request(pair, "1", WHOLE, quantity))
                .collect();
            if cells.iter().all(Option::is_none) {
                continue;
            }
            cells.push(self.value(
                pair,
                &[
                    ("pool", "candidates"),
                    ("threads", "1"),
                    ("stage", WHOLE),
                    ("quantity", "p50-ms"),
                ],
            ));
            cells.push(self.of_request(pair, ALL_THREADS, WHOLE, "p50-ms"));
            text += &line(pair, cells.iter().map(|cell| number(*cell)));
        }
        text
    }

    fn stages(&self) -> String {
        let names = Stage::ALL.map(|stage| stage.to_string());
        let mut text = format!(
            "\nMicroseconds by stage (p50, one thread, over the catalogue). A router without stages is all `score`.\n\n\
             | router | embedder | {} |\n| --- | --- |{}\n",
            names.join(" | "),
            " --- |".repeat(names.len())
        );
        for pair in self.pairs() {
            let cells = names.iter().map(|stage| {
                let took = self.of_request(pair, "1", stage, "p50-ms");
                number(took.map(|took| 1e3 * took))
            });
            text += &line(pair, cells);
        }
        text
    }

    fn load(&self) -> String {
        let Some(load) = &self.study.load else {
            return String::new();
        };
        let callers: Vec<String> = load.callers.iter().map(usize::to_string).collect();
        let mut text = format!(
            "\nRequests a second over the catalogue, by how many callers there are at the same time, each with a \
             thread.\n\n| router | embedder | {} |\n| --- | --- |{}\n",
            callers.join(" | "),
            " --- |".repeat(callers.len())
        );
        for pair in self.pairs() {
            let rate = |callers: &String| {
                let labels = [
                    ("callers", callers.as_str()),
                    ("quantity", "requests-per-second"),
                ];
                self.value(pair, &labels)
            };
            let rates: Vec<Option<f64>> = callers.iter().map(rate).collect();
            if rates.iter().any(Option::is_some) {
                let cells = rates.iter().map(|rate| rate.map_or("–".to_owned(), whole));
                text += &line(pair, cells);
            }
        }
        text
    }

    fn sizes(&self) -> String {
        let mut text = "\nSizes: the numbers that an embedder or a router consists of, its files, how long a router's fit \
                        takes on all threads, and the most memory of a process that learns and answers.\n\n\
                        | router | embedder | parameters | file, MiB | fit, ms | memory, MiB |\n\
                        | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
        let embedders = self.embedders();
        let alone = embedders.iter().map(|embedder| (NONE, embedder.as_str()));
        for pair in alone.chain(self.pairs()) {
            let of = |quantity| self.value(pair, &[("quantity", quantity)]);
            let Some(parameters) = of("parameters") else {
                continue;
            };
            let cells = [
                whole(parameters),
                number(of("file-mib")),
                number(of("fit-ms")),
                number(of("peak-mib")),
            ];
            text += &line(pair, cells.into_iter());
        }
        text
    }
}

fn line((router, embedder): Pair<'_>, cells: impl Iterator<Item = String>) -> String {
    let named = |name: &str| (if name == NONE { "–" } else { name }).to_owned();
    let cells: Vec<String> = [named(router), named(embedder)]
        .into_iter()
        .chain(cells)
        .collect();
    format!("| {} |\n", cells.join(" | "))
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), three_digits)
}

const NOTES: &str = "
## How to read this

Written from `latency.csv` by `cargo xtask reproduce --bless`; the columns are explained in
[results/README.md](../README.md). A request is from a text to its five best tools, the text's embedding
included. Routers take turns of twenty queries in changing order, so that most find the processor's caches as the
router's own requests left them, as in a gateway that is busy, and the first of a turn do not; a tenth as many queries go before, untimed.
MiniLM's library does not part its tokeniser from the model: `tokenise` is then the tokeniser in a run of its own, and
`embed` the rest.
Times are one machine's, which `manifest.json` names, and differ from run to run; they are not held against
the committed ones. `cargo xtask latency` measures another. Percentiles come from a histogram that keeps three
digits. Routers are fitted to the training part of seed 0. The memory is that of `cargo xtask route`, which reads the
data set, learns from all of it and then answers; so the parts of a router that only its fit needs are in it.
";
