//! The README's tables and figures, spliced in between markers from `results/`.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result};
use oats_harness::{
    Manifest,
    rows::{MetricRow, Number, Row, TestRow, means_over_most_seeds, rows_in},
};
use serde::Deserialize;

const BEGIN: &str = "<!-- tables: spliced in by `cargo xtask report` -->\n";
const END: &str = "<!-- end of tables -->";

/// The README's text with the tables of `results` between its markers.
///
/// # Errors
/// A README without its markers, or results that cannot be read.
pub(crate) fn with_tables(readme: &Path, results: &Path) -> Result<String> {
    let text =
        fs::read_to_string(readme).with_context(|| format!("cannot read {}", readme.display()))?;
    spliced(&text, &tables(results)?).with_context(|| {
        format!(
            "{}: the lines `{}` and `{END}` are gone; put them back where the tables belong",
            readme.display(),
            BEGIN.trim()
        )
    })
}

fn spliced(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{tables}\n{END}{after}"))
}

/// The headline's, and what leakage does to it.
const FIGURES: &str = "![NDCG@5 by router, split and pool](results/main/ndcg-by-router.png)

![What leakage is worth](results/leakage/leakage.png)
";

/// Title, dataset and embedder of a line of the tables.
const LINES: [(&str, &str, &str); 4] = [
    ("MetaTool", "metatool", "minilm"),
    ("ToolBench", "toolbench", "minilm"),
    ("ToolE", "toole", "minilm"),
    ("built-in", "builtin", "static"),
];

/// Split and pool of a column. The first is the paper's.
const PROTOCOLS: [(&str, &str); 3] = [
    ("instance", "candidates"),
    ("query", "candidates"),
    ("query", "catalogue"),
];

/// The paper's methods, and what they must beat.
const ROUTERS: [(&str, &str); 6] = [
    ("random", "chance"),
    ("bm25", "BM25"),
    ("dense", "SE"),
    ("oats-s1", "OATS-S1"),
    ("oats-s2-s1", "OATS-S2 on S1"),
    ("oats-s3", "OATS-S3"),
];

/// Every router that learns, beside SE.
const LEARNED: [(&str, &str); 13] = [
    ("dense", "SE"),
    ("oats-s1", "OATS-S1"),
    ("oats-s2-se", "OATS-S2 on SE"),
    ("oats-s2-s1", "OATS-S2 on S1"),
    ("oats-s3", "OATS-S3"),
    ("adapter-ridge", "ridge adapter"),
    ("hybrid-sum-s1", "BM25 + OATS-S1"),
    ("linear", "logistic regression"),
    ("knn", "nearest queries"),
    ("rnn", "RNN, softmax"),
    ("rnn-gumbel", "RNN, Gumbel"),
    ("encoder", "encoder"),
    ("encoder-no-attention", "encoder, no attention"),
];

/// The labels of a number, but for the protocol.
struct Labels<'a> {
    dataset: &'a str,
    subset: &'a str,
    embedder: &'a str,
    router: &'a str,
    metric: &'a str,
}

fn tables(results: &Path) -> Result<String> {
    let results = Results::read(results)?;
    Ok([
        results.headline(),
        results.learned(),
        results.gains(),
        results.beyond(),
        results.other_published(),
        results.footnote(),
        FIGURES.to_owned(),
    ]
    .join("\n"))
}

struct Results {
    metrics: Vec<MetricRow>,
    tests: Vec<TestRow>,
    /// Of the experiment `beyond-quality`.
    beyond: Vec<TestRow>,
    published: Vec<PublishedNumber>,
    /// Datasets that were read from other files than upstream's, with these files.
    not_upstream: Vec<(String, Vec<String>)>,
}

/// `paper/published.toml`, but for the sizes of data sets, which only the paper reads.
#[derive(Deserialize)]
struct Published {
    number: Vec<PublishedNumber>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedNumber {
    dataset: String,
    #[serde(default = "all")]
    subset: String,
    router: String,
    metric: String,
    value: f64,
}

fn all() -> String {
    "all".to_owned()
}

impl Results {
    fn read(results: &Path) -> Result<Self> {
        let file = results.with_file_name("paper").join("published.toml");
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let published: Published = toml::from_str(&text)
            .with_context(|| format!("{} is not as it should be", file.display()))?;
        let main = results.join("main");
        let manifest = Manifest::read(&main.join("manifest.json"))?;
        Ok(Self {
            metrics: rows_in(&main)?,
            tests: rows_in(&main)?,
            beyond: rows_in(&results.join("beyond-quality"))?,
            published: published.number,
            not_upstream: manifest.map_or(Vec::new(), |manifest| manifest.not_upstream()),
        })
    }

    /// NDCG@5 of every router.
    fn headline(&self) -> String {
        let mut table = header("NDCG@5", "router");
        for (title, dataset, embedder) in LINES {
            let mut title = self.marked(title, dataset, embedder);
            for (router, name) in ROUTERS {
                let labels = Labels {
                    dataset,
                    subset: "all",
                    embedder: read_by(router, embedder),
                    router,
                    metric: "ndcg@5",
                };
                let measured = self.measured(&labels);
                if measured.iter().any(Option::is_some) {
                    table += &line(&title, name, self.cited(&labels), measured);
                    title.clear();
                }
            }
        }
        table
    }

    /// NDCG@5 of every router that learns where no test query stands in training.
    fn learned(&self) -> String {
        let titles = LINES.map(|(title, dataset, embedder)| self.marked(title, dataset, embedder));
        let mut table = format!(
            "| NDCG@5, query split: candidates / catalogue | {} |\n| --- |{}\n",
            titles.join(" | "),
            " --- |".repeat(titles.len())
        );
        let mut most_seeds = None;
        for (router, name) in LEARNED {
            let mut seeds = None;
            let cells = LINES.map(|(_, dataset, embedder)| {
                let mut value = |pool: &str| {
                    let row = self.row(
                        &Labels {
                            dataset,
                            subset: "all",
                            embedder: read_by(router, embedder),
                            router,
                            metric: "ndcg@5",
                        },
                        "query",
                        pool,
                    )?;
                    seeds = seeds.max(row.seeds());
                    Some(format!("{:.3}", row.value.get()))
                };
                Some(format!(
                    "{} / {}",
                    value("candidates")?,
                    value("catalogue")?
                ))
            });
            most_seeds = most_seeds.max(seeds);
            let Some(count) = seeds else {
                continue;
            };
            let fewer = match seeds < most_seeds {
                true => format!(" ({count} seeds)"),
                false => String::new(),
            };
            let cells = cells.map(|cell| cell.unwrap_or("–".to_owned()));
            table += &format!("| {name}{fewer} | {} |\n", cells.join(" | "));
        }
        table
    }

    /// What S1 adds to SE, where it tells something also for the test queries that stand in training
    /// and for those that do not.
    fn gains(&self) -> String {
        let mut table = header("Gain in NDCG@5", "test queries");
        for (title, dataset, embedder) in LINES {
            let mut title = self.marked(title, dataset, embedder);
            for (subset, name) in [
                ("all", "all"),
                ("seen-in-training", "in training too"),
                ("not-in-training", "not in training"),
            ] {
                let measured = PROTOCOLS.map(|(split, pool)| {
                    let rows = self.tests.iter().filter(|row| {
                        (&*row.dataset, &*row.embedder) == (dataset, embedder)
                            && (&*row.split, &*row.pool) == (split, pool)
                            && row.subset == subset
                    });
                    gain(rows, "oats-s1", "dense")
                });
                if subset != "all" && measured.iter().all(Option::is_none) {
                    continue;
                }
                let cited = |router| {
                    self.cited(&Labels {
                        dataset,
                        subset,
                        embedder,
                        router,
                        metric: "ndcg@5",
                    })
                };
                let cited = cited("oats-s1").zip(cited("dense"));
                let cited = cited.map_or(String::new(), |(s1, se)| format!("{:+.3}", s1 - se));
                table += &cells(&title, name, cited, measured);
                title.clear();
            }
        }
        table
    }

    /// What OATS+ adds to S1, and to SE where the tools asked for have no outcomes.
    fn beyond(&self) -> String {
        const COMPARISONS: [(&str, &str, &str); 4] = [
            ("query", "candidates", "oats-s1"),
            ("query", "catalogue", "oats-s1"),
            ("tool", "candidates", "dense"),
            ("tool", "catalogue", "dense"),
        ];

        let mut table =
            "| OATS+ in NDCG@5 | over S1: query split, candidates | query split, catalogue \
                         | over SE: tool split, candidates | tool split, catalogue |\n\
                         | --- | --- | --- | --- | --- |\n"
                .to_owned();
        for (title, dataset, embedder) in LINES {
            let cells = COMPARISONS.map(|(split, pool, baseline)| {
                let rows = self.beyond.iter().filter(|row| {
                    (&*row.dataset, &*row.embedder) == (dataset, embedder)
                        && (&*row.split, &*row.pool) == (split, pool)
                        && row.subset == "all"
                });
                gain(rows, "oats-plus", baseline).unwrap_or("–".to_owned())
            });
            let title = self.marked(title, dataset, embedder);
            table += &format!("| {title} | {} |\n", cells.join(" | "));
        }
        table
    }

    /// The published numbers that the headline does not hold.
    fn other_published(&self) -> String {
        let mut table = header("Recall@1", "router");
        for number in self
            .published
            .iter()
            .filter(|number| number.metric == "recall@1")
        {
            let Some((title, ..)) = LINES
                .iter()
                .find(|(_, dataset, _)| *dataset == number.dataset)
            else {
                continue;
            };
            let title = match number.subset.as_str() {
                "all" => (*title).to_owned(),
                subset => format!("{title} {subset}"),
            };
            let labels = Labels {
                dataset: &number.dataset,
                subset: &number.subset,
                embedder: "minilm",
                router: &number.router,
                metric: &number.metric,
            };
            let name = ROUTERS.iter().find(|(router, _)| *router == number.router);
            let name = name.map_or(number.router.as_str(), |(_, name)| name);
            let title = self.marked(&title, &number.dataset, "minilm");
            table += &line(&title, name, Some(number.value), self.measured(&labels));
        }
        table
    }

    fn footnote(&self) -> String {
        let files: BTreeSet<&str> = self
            .not_upstream
            .iter()
            .flat_map(|(_, files)| files.iter().map(String::as_str))
            .map(|file| file.rsplit('/').next().unwrap_or(file))
            .collect();
        if files.is_empty() {
            return String::new();
        }
        let files: Vec<&str> = files.into_iter().collect();
        format!(
            "† From reconstructed copies of {}; see below.\n",
            files.join(" and ")
        )
    }

    fn marked(&self, title: &str, dataset: &str, embedder: &str) -> String {
        let marked = self.not_upstream.iter().any(|(name, _)| name == dataset);
        format!("{title}{}, {embedder}", if marked { " †" } else { "" })
    }

    fn cited(&self, labels: &Labels<'_>) -> Option<f64> {
        self.published
            .iter()
            .find(|number| {
                number.dataset == labels.dataset
                    && number.subset == labels.subset
                    && number.router == labels.router
                    && number.metric == labels.metric
            })
            .map(|number| number.value)
    }

    fn measured(&self, labels: &Labels<'_>) -> [Option<String>; 3] {
        PROTOCOLS.map(|(split, pool)| {
            let row = self.row(labels, split, pool)?;
            let [value, low, high] = [row.value, row.ci_low, row.ci_high].map(Number::get);
            Some(format!("{value:.3} [{low:.3}, {high:.3}]"))
        })
    }

    /// The mean over the most seeds that the router was run with.
    fn row(&self, labels: &Labels<'_>, split: &str, pool: &str) -> Option<&MetricRow> {
        let rows = self.metrics.iter().filter(|row| {
            row.dataset == labels.dataset
                && row.split == split
                && row.outcomes == "all"
                && row.pool == pool
                && row.subset == labels.subset
                && row.embedder == labels.embedder
                && row.router == labels.router
                && row.metric == labels.metric
        });
        means_over_most_seeds(rows).first().copied()
    }
}

/// Router minus baseline in NDCG@5 with its interval, of the rows that learned from all labels.
fn gain<'a>(
    rows: impl Iterator<Item = &'a TestRow>,
    router: &str,
    baseline: &str,
) -> Option<String> {
    let rows = rows.filter(|row| {
        (&*row.router, &*row.baseline) == (router, baseline)
            && row.metric == "ndcg@5"
            && row.outcomes == "all"
    });
    let row = means_over_most_seeds(rows).first().copied()?;
    let [gain, low, high] = [row.difference, row.ci_low, row.ci_high].map(Number::get);
    Some(format!("{gain:+.3} [{low:+.3}, {high:+.3}]"))
}

/// The label in the column `embedder`.
fn read_by<'a>(router: &str, embedder: &'a str) -> &'a str {
    match router {
        "random" | "bm25" | "rnn" | "rnn-gumbel" | "encoder" | "encoder-no-attention" => "none",
        _ => embedder,
    }
}

fn header(what: &str, second: &str) -> String {
    format!(
        "| {what} | {second} | paper | instance split, candidates | query split, candidates | query split, catalogue |\n\
         | --- | --- | --- | --- | --- | --- |\n"
    )
}

fn line(title: &str, name: &str, cited: Option<f64>, measured: [Option<String>; 3]) -> String {
    let cited = cited.map_or(String::new(), |value| format!("{value:.3}"));
    cells(title, name, cited, measured)
}

fn cells(title: &str, name: &str, cited: String, measured: [Option<String>; 3]) -> String {
    let measured = measured.map(|cell| cell.unwrap_or("–".to_owned()));
    format!(
        "| {title} | {name} | {cited} | {} |\n",
        measured.join(" | ")
    )
}
