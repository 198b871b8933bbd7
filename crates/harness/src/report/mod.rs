//! An experiment's answer in words and tables, written from its rows alone.
//!
//! An experiment's TOML says what its report holds, section by section:
//!
//! ```toml
//! [[report]]                               # whether somebody's claim holds, in words
//! kind = "claim"
//! of = "the paper"
//! says = "OATS-S1 is better than static embeddings"
//! better = "oats-s1"
//! than = "dense"
//! only = { split = ["instance"], pool = ["candidates"] }
//!
//! [[report]]                               # the metric by router and protocol
//! kind = "values"
//! across = ["split", "pool"]
//!
//! [[report]]                               # router minus baseline
//! kind = "differences"
//! against = "dense"
//! across = ["outcomes"]
//!
//! [[report]]                               # the same in words: from where on is it better?
//! kind = "where"
//! against = "dense"
//! along = "outcomes"
//!
//! [[report]]                               # what a router gains when a label changes
//! kind = "gap"
//! along = "split"
//! from = "query"
//! to = "instance"
//! against = "dense"                        # and how much more than this one gains
//!
//! [[report]]                               # published numbers beside ours, in a column of their own
//! kind = "cited"
//! source = "Huang et al., arXiv 2310.03128, Table 3"
//! numbers = [{ of = "ChatGPT", value = 0.6905 }]
//! only = { pool = ["candidates"], subset = ["similar-choices"], metric = ["recall@1"] }
//! ```
//!
//! Every section may have a `title` and `only`, lists of labels by column; unless `only` says
//! otherwise, it reads the subset `all` and the experiment's first metric. It reads means over seeds.

mod cited;
mod claim;
pub(crate) mod digits;
mod gap;
mod labels;
mod tables;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::{
    Experiment,
    rows::{MetricRow, TestRow},
};
use labels::{Only, Order, known_labels};

/// A section of an experiment's report.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Section {
    /// A claim, and in how many of the comparisons it holds.
    Claim {
        /// Whose claim it is.
        of: String,
        /// The claim in words.
        says: String,
        /// Label of the router that is said to be better.
        better: String,
        /// Label of the one that it is said to be better than.
        than: String,
        /// Which rows.
        #[serde(default)]
        only: Only,
    },
    /// The metric by router.
    Values {
        /// What the table shows.
        title: Option<String>,
        /// The columns of `metrics.csv` whose labels become the table's columns.
        across: Vec<String>,
        /// Which rows.
        #[serde(default)]
        only: Only,
    },
    /// Router minus baseline.
    Differences {
        /// What the table shows.
        title: Option<String>,
        /// The baseline.
        against: String,
        /// The columns of `tests.csv` whose labels become the table's columns.
        across: Vec<String>,
        /// Which rows.
        #[serde(default)]
        only: Only,
    },
    /// The labels of one column at which a router is better than the baseline, or worse.
    Where {
        /// What the table shows.
        title: Option<String>,
        /// The baseline.
        against: String,
        /// The column.
        along: String,
        /// Which rows.
        #[serde(default)]
        only: Only,
    },
    /// What a router gains when a label changes.
    Gap {
        /// What the table shows.
        title: Option<String>,
        /// The column of the label.
        along: String,
        /// The label that is subtracted.
        from: String,
        /// The label that it is subtracted from.
        to: String,
        /// The baseline whose gain is subtracted in the last column.
        against: String,
        /// Which rows.
        #[serde(default)]
        only: Only,
    },
    /// The metric by router, and what others published.
    Cited {
        /// What the table shows.
        title: Option<String>,
        /// Where the published numbers stand.
        source: String,
        /// The published numbers.
        numbers: Vec<CitedNumber>,
        /// Which rows.
        #[serde(default)]
        only: Only,
    },
}

/// A published number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CitedNumber {
    /// Whose it is.
    pub of: String,
    /// The number, on the metric's scale.
    pub value: f64,
}

/// The columns by which rows may be chosen and tables laid out.
const COLUMNS: [&str; 8] = [
    "dataset", "split", "outcomes", "pool", "subset", "router", "embedder", "metric",
];

impl Section {
    /// What in the section does not fit the experiment, if anything.
    pub(crate) fn check(&self, experiment: &Experiment) -> Result<(), String> {
        let column = |field: &str, name: &String| {
            if COLUMNS.contains(&name.as_str()) {
                return Ok(());
            }
            let known = COLUMNS.join(", ");
            Err(format!(
                "report: {field}: there is no column `{name}`; there are: {known}"
            ))
        };
        let label =
            |field: &str, column: &str, name: &String| match known_labels(experiment, column) {
                Some(known) if !known.contains(name) => Err(format!(
                    "report: {field}: `{name}` is no {column} of the experiment's; there are: {}",
                    known.join(", ")
                )),
                _ => Ok(()),
            };
        let baseline = |name: &String| {
            if experiment.baselines.contains(name) {
                return Ok(());
            }
            Err(format!(
                "report: against: not every router is tested against `{name}`; make it one of \
                 `baselines`"
            ))
        };
        match self {
            Self::Claim { better, than, .. } => {
                label("better", "router", better)?;
                label("than", "router", than)?;
            }
            Self::Values { across, .. } => {
                across.iter().try_for_each(|name| column("across", name))?;
            }
            Self::Differences {
                against, across, ..
            } => {
                across.iter().try_for_each(|name| column("across", name))?;
                baseline(against)?;
            }
            Self::Where { against, along, .. } => {
                column("along", along)?;
                baseline(against)?;
            }
            Self::Gap {
                against,
                along,
                from,
                to,
                ..
            } => {
                column("along", along)?;
                label("from", along, from)?;
                label("to", along, to)?;
                baseline(against)?;
            }
            Self::Cited {
                source, numbers, ..
            } => {
                if source.trim().is_empty() {
                    return Err("report: source: say where the numbers stand".to_owned());
                }
                if numbers.is_empty() || numbers.iter().any(|one| !one.value.is_finite()) {
                    return Err("report: numbers: give some, all of them finite".to_owned());
                }
            }
        }
        for (name, list) in self.only().lists() {
            column("only", name)?;
            list.iter()
                .try_for_each(|one| label(&format!("only: {name}"), name, one))?;
        }
        Ok(())
    }

    /// Whether it is a claim that `better` is better than `than`.
    pub(crate) fn compares(&self, router: &str, other: &str) -> bool {
        matches!(self, Self::Claim { better, than, .. } if better == router && than == other)
    }

    fn only(&self) -> &Only {
        match self {
            Self::Claim { only, .. }
            | Self::Values { only, .. }
            | Self::Differences { only, .. }
            | Self::Where { only, .. }
            | Self::Gap { only, .. }
            | Self::Cited { only, .. } => only,
        }
    }
}

/// The rows of an experiment, and the order of its labels.
struct Measured<'a> {
    metrics: &'a [MetricRow],
    tests: &'a [TestRow],
    order: Order,
    first_metric: String,
    /// Labels of routers whose answers may not be at hand.
    llms: Vec<&'a str>,
}

/// What the reports of other kinds of experiments begin with.
pub(crate) fn head(name: &str, question: &str) -> String {
    format!("# {name}\n\n{}\n\n## Answer\n\n", question.trim())
}

/// The experiment's report as Markdown. `figure` is a file beside it.
pub fn report(
    experiment: &Experiment,
    metrics: &[MetricRow],
    tests: &[TestRow],
    figure: Option<&str>,
) -> String {
    let measured = Measured {
        metrics,
        tests,
        order: Order::of(experiment),
        first_metric: experiment
            .metrics
            .first()
            .map_or(String::new(), ToString::to_string),
        llms: experiment
            .routers
            .iter()
            .filter(|router| router.spec.asks_an_llm())
            .map(|router| router.label.as_str())
            .collect(),
    };
    let mut text = format!("# {}\n\n{}\n", experiment.name, experiment.question);
    let (claims, others): (Vec<&Section>, Vec<&Section>) = experiment
        .report
        .iter()
        .partition(|section| matches!(section, Section::Claim { .. }));
    if !claims.is_empty() {
        text += "\n## Answer\n\n";
        for section in claims {
            section.write(&measured, &mut text);
        }
    }
    if let Some(figure) = figure {
        let _ = writeln!(text, "\n![{}]({figure})", experiment.name);
    }
    for section in others {
        section.write(&measured, &mut text);
    }
    text += NOTES;
    let _ = writeln!(
        text,
        "Where no metric is named it is {}.",
        measured.first_metric
    );
    text
}

const NOTES: &str = "
## How to read this

Written from `metrics.csv` and `tests.csv` by `cargo xtask reproduce --bless`; the columns are explained in
[results/README.md](../README.md). Numbers are means over the seeds of split and fit, over all test queries
unless a subset is named. Differences are paired by query; \"better\" and \"worse\" mean that the 95 %
bootstrap interval leaves out zero, without correction for the number of comparisons. Bold in a table of
values is the best of its column, in a table of differences what is better or worse.
";

impl Section {
    fn write(&self, measured: &Measured<'_>, text: &mut String) {
        match self {
            Self::Claim {
                of,
                says,
                better,
                than,
                only,
            } => *text += &claim::write(measured, of, says, [better, than], only),
            Self::Values {
                title,
                across,
                only,
            } => {
                let title = title.as_deref().unwrap_or("Values");
                *text += &tables::values(measured, title, across, only);
            }
            Self::Differences {
                title,
                against,
                across,
                only,
            } => {
                let fallback = format!("Difference from {against}");
                let title = title.as_deref().unwrap_or(&fallback);
                *text += &tables::differences(measured, title, against, across, only);
            }
            Self::Where {
                title,
                against,
                along,
                only,
            } => {
                let fallback = format!("Better or worse than {against}");
                let title = title.as_deref().unwrap_or(&fallback);
                *text += &tables::places(measured, title, against, along, only);
            }
            Self::Gap {
                title,
                along,
                from,
                to,
                against,
                only,
            } => {
                let fallback = format!("{to} minus {from}");
                let title = title.as_deref().unwrap_or(&fallback);
                let gap = gap::Gap {
                    along,
                    from,
                    to,
                    against,
                };
                *text += &gap.write(measured, title, only);
            }
            Self::Cited {
                title,
                source,
                numbers,
                only,
            } => {
                let title = title.as_deref().unwrap_or("Beside published numbers");
                *text += &cited::write(measured, title, source, numbers, only);
            }
        }
    }
}
