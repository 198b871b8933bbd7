//! The answer, written from the rows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{Manifest, report::digits::three_digits, rows::PeerRow};

/// What is to hold between a peer and ours.
struct Claim {
    /// Where it is to hold; `None` is wherever it was measured.
    datasets: Option<&'static [&'static str]>,
    task: &'static str,
    ours: &'static str,
    peer: &'static str,
    wanted: Wanted,
}

enum Wanted {
    /// The peer's median time is so many times ours, at least.
    TimesFaster(f64),
    /// The peer's rankings are ours, up to ties, for all queries.
    SameRankings,
    /// No component of the peer's vectors differs from ours by more.
    SameVectors(f64),
}

const CLAIMS: [Claim; 8] = [
    Claim {
        datasets: None,
        task: "route",
        ours: "oats dense minilm",
        peer: "sentence-transformers",
        wanted: Wanted::TimesFaster(3.0),
    },
    Claim {
        datasets: None,
        task: "route",
        ours: "oats dense minilm-int8",
        peer: "sentence-transformers",
        wanted: Wanted::TimesFaster(8.0),
    },
    Claim {
        datasets: None,
        task: "route",
        ours: "oats dense static",
        peer: "sentence-transformers",
        wanted: Wanted::TimesFaster(200.0),
    },
    Claim {
        datasets: Some(&["toolbench"]),
        task: "words",
        ours: "oats bm25",
        peer: "bm25s",
        wanted: Wanted::TimesFaster(5.0),
    },
    Claim {
        datasets: None,
        task: "words",
        ours: "oats bm25",
        peer: "bm25s-our-words",
        wanted: Wanted::SameRankings,
    },
    Claim {
        datasets: Some(&["toolbench", "toole"]),
        task: "s1-all",
        ours: "oats s1",
        peer: "numpy-s1",
        wanted: Wanted::TimesFaster(2.0),
    },
    Claim {
        datasets: None,
        task: "s1-training",
        ours: "oats s1",
        peer: "numpy-s1",
        wanted: Wanted::SameVectors(1e-5),
    },
    Claim {
        datasets: None,
        task: "s1-all",
        ours: "oats s1",
        peer: "numpy-s1",
        wanted: Wanted::SameVectors(1e-5),
    },
];

/// Tasks in order, with what their section is called.
const TASKS: [(&str, &str); 6] = [
    ("route", "A text to its five best tools, by vectors"),
    ("words", "A text to its five best tools, by words"),
    ("s1-training", "Stage 1, on the training queries"),
    ("s1-all", "Stage 1, on all queries"),
    ("regression-fit", "Logistic regression, the fit"),
    (
        "regression",
        "A vector to its five best tools, by logistic regression",
    ),
];

/// The report of `results/peers` as Markdown. `figure` is a file beside it.
pub fn peers_report(rows: &[PeerRow], manifest: &Manifest, figure: Option<&str>) -> String {
    let rows = Rows::new(rows);
    let mut text =
        "# peers\n\nHow fast and how good are the routers here beside other libraries that do \
                    the same, on the same queries, machine and threads?\n\n## Answer\n\n\
                    | data set | threads | task | ours | peer | wanted | measured | |\n\
                    | --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for claim in &CLAIMS {
        text += &rows.checked(claim);
    }
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![peers]({figure})");
    }
    for (task, title) in TASKS {
        text += &rows.table(task, title);
    }
    text + &notes(manifest) + &manifest.not_upstream_note()
}

/// The values by task, dataset, threads, side and quantity.
struct Rows<'a> {
    values: BTreeMap<[&'a str; 5], (f64, usize)>,
    datasets: Vec<&'a str>,
    threads: Vec<&'a str>,
}

impl<'a> Rows<'a> {
    fn new(rows: &'a [PeerRow]) -> Self {
        let values = rows.iter().map(|row| {
            let key = [
                &row.task,
                &row.dataset,
                &row.threads,
                &row.peer,
                &row.quantity,
            ];
            (key.map(String::as_str), (row.value.get(), row.n))
        });
        let datasets = BTreeSet::from_iter(rows.iter().map(|row| row.dataset.as_str()));
        let threads = BTreeSet::from_iter(rows.iter().map(|row| row.threads.as_str()));
        let mut threads = Vec::from_iter(threads);
        threads.sort_by_key(|threads| threads.parse().unwrap_or(usize::MAX));
        Self {
            values: values.collect(),
            datasets: Vec::from_iter(datasets),
            threads,
        }
    }

    fn get(&self, key: [&str; 5]) -> Option<f64> {
        self.values.get(&key).map(|&(value, _)| value)
    }

    /// The claim wherever it is to hold, and whether it does.
    fn checked(&self, claim: &Claim) -> String {
        let mut text = String::new();
        for &dataset in &self.datasets {
            if claim
                .datasets
                .is_some_and(|datasets| !datasets.contains(&dataset))
            {
                continue;
            }
            for &threads in &self.threads {
                let of = |side, quantity| self.get([claim.task, dataset, threads, side, quantity]);
                let (wanted, measured) = match claim.wanted {
                    Wanted::TimesFaster(least) => {
                        let ratio = of(claim.peer, "p50-ms")
                            .zip(of(claim.ours, "p50-ms"))
                            .map(|(theirs, ours)| theirs / ours);
                        let measured = ratio.map(|ratio| (format!("{ratio:.1}×"), ratio >= least));
                        (format!("{least:.0}× as fast"), measured)
                    }
                    Wanted::SameRankings => {
                        let share = of(claim.peer, "same-ranking");
                        let measured =
                            share.map(|share| (format!("{:.1} %", 100.0 * share), share >= 1.0));
                        ("100 % same rankings".to_owned(), measured)
                    }
                    Wanted::SameVectors(most) => {
                        let difference = of(claim.peer, "largest-difference");
                        let measured = difference
                            .map(|difference| (format!("{difference:.6}"), difference <= most));
                        (format!("vectors within {most}"), measured)
                    }
                };
                let (measured, verdict) = match measured {
                    Some((measured, true)) => (measured, "met"),
                    Some((measured, false)) => (measured, "**not met**"),
                    None => ("–".to_owned(), "not measured"),
                };
                let _ = writeln!(
                    text,
                    "| {dataset} | {threads} | {} | {} | {} | {wanted} | {measured} | {verdict} |",
                    claim.task, claim.ours, claim.peer
                );
            }
        }
        text
    }

    fn table(&self, task: &str, title: &str) -> String {
        let sides = BTreeSet::from_iter(
            self.values
                .keys()
                .filter(|key| key[0] == task)
                .map(|key| (key[1], key[3])),
        );
        if sides.is_empty() {
            return String::new();
        }
        let mut text = format!("\n## {title}\n\n| data set | | NDCG@5 |");
        for threads in &self.threads {
            let s = if *threads == "1" { "" } else { "s" };
            let _ = write!(text, " p50, ms, {threads} thread{s} | p95 |");
        }
        let _ = write!(
            text,
            " timed |\n{}\n",
            "| --- ".repeat(4 + 2 * self.threads.len()) + "|"
        );
        let median = |(dataset, side): &(&str, &str)| {
            let threads = self.threads.first().copied().unwrap_or_default();
            self.get([task, dataset, threads, side, "p50-ms"])
                .unwrap_or(f64::INFINITY)
        };
        let mut sides = Vec::from_iter(sides);
        sides.sort_by(|a, b| a.0.cmp(b.0).then(median(a).total_cmp(&median(b))));
        for (dataset, side) in sides {
            let of = |threads, quantity| self.values.get(&[task, dataset, threads, side, quantity]);
            let first = |quantity| {
                self.threads
                    .iter()
                    .find_map(|threads| of(threads, quantity))
            };
            let quality =
                first("ndcg@5").map_or("–".to_owned(), |(value, _)| format!("{value:.3}"));
            let _ = write!(text, "| {dataset} | {side} | {quality} |");
            for threads in &self.threads {
                for quantity in ["p50-ms", "p95-ms"] {
                    let time = of(threads, quantity);
                    let time = time.map_or("–".to_owned(), |&(value, _)| three_digits(value));
                    let _ = write!(text, " {time} |");
                }
            }
            let n = first("p50-ms").map_or(0, |&(_, n)| n);
            let _ = writeln!(text, " {n} |");
        }
        text
    }
}

fn notes(manifest: &Manifest) -> String {
    let entries = manifest.datasets.values().filter_map(|runs| runs.first());
    let mut packages = BTreeSet::new();
    for entry in entries.clone() {
        for peer in entry.configuration["packages"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let versions = peer.1.as_object().into_iter().flatten();
            packages.extend(versions.map(|(package, version)| {
                format!("{package} {}", version.as_str().unwrap_or_default())
            }));
        }
    }
    let machines = entries.map(|entry| {
        entry.machine["cpu"]
            .as_str()
            .unwrap_or("unknown")
            .to_owned()
    });
    let machines = Vec::from_iter(BTreeSet::from_iter(machines));
    format!(
        "
## How to read this

Written from `peers.csv` by `cargo xtask peers --bless`, which makes a virtual environment with the packages of
`xtask/peers/requirements.txt` and `requirements-torch.txt`. Here: {packages}; {machines}.

Ratios are of medians within one run; times differ from machine to machine and from run to run, and `reproduce` does not compare them. Sides take turns of twenty
queries, or of one fit, in changing order. Before each turn there is a pause of 50 ms, in which the others' threads stop spinning. So most queries find the processor's
caches as the side's own left them, as in a gateway that is busy, and the first of a turn do not; a tenth as many queries go before,
untimed.
A peer is a process that times its own call, from the query's text to the five tools, so that the way there and
back is not charged to it; ours is timed in its process. Libraries are told the number of threads, and ours has
as many, for MiniLM and to fit; a scan of so few tools takes one. What is fitted is fitted once before, untimed. Queries are test queries of the query split of
seed 0, ranked over the whole catalogue; NDCG@5 is of these queries alone, and of routers that learned from the
tools' texts, but for regression. sentence-transformers and semantic-router run MiniLM in float32, with the same weights.
`bm25s` runs on NumPy, its default, and cuts texts by its own tokeniser, with its stop words and PyStemmer; `bm25s-our-words` and `rank-bm25` are
given the words that `oats bm25` makes of a text, so that cutting it is not in their times. Rankings are the same if the
ten best are, in their order, but for scores that tie within 10⁻⁴ of the best. Stage 1 and regressions read vectors of
the embedder that `manifest.json` names, handed over before the time is taken; regressions minimise the same objective, in as
many steps of L-BFGS at most.
",
        packages = Vec::from_iter(packages).join(", "),
        machines = machines.join(", "),
    )
}
