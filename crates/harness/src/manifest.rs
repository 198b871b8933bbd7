//! What a result folder's numbers were made from: `manifest.json`.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    fs,
    path::Path,
    process::Command,
};

use oats_datasets::{
    Benchmark, Leakage, Split,
    provenance::{FileRecord, Origin},
    split::normalise,
};
use oats_embedders::Embedder;
use oats_llm::{ModelPrice, Prices};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    EmbedderKind, Error, Experiment, Grid, Skip, aggregate::BOOTSTRAP, write::write_whole,
};

/// The manifest of one experiment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The experiment's name.
    pub experiment: String,
    /// By dataset, the runs that its rows come from, newest first: more than one where the newest
    /// run made only some of the committed rows.
    pub datasets: BTreeMap<String, Vec<DatasetEntry>>,
}

/// How a run made one dataset's rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetEntry {
    /// The experiment as it was run, with every default spelt out.
    pub configuration: Value,
    /// The code: version, git commit, and whether the tree had changes.
    pub code: Value,
    /// The benchmark: sizes, distinct queries, files with their checksums, notes.
    pub benchmark: Value,
    /// By kind of split, an entry a seed: sizes, and how many test queries also stand in training.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub splits: BTreeMap<String, Vec<Value>>,
    /// By embedder: backend, SHA-256 of the model's files, dimension.
    pub embedders: BTreeMap<String, Value>,
    /// The price list, with the date and the source of each price; `None` where nothing is priced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<Prices>,
    /// Where it ran.
    pub machine: Value,
    /// Wall time, with cells that an earlier run or experiment had finished counted as nothing.
    pub seconds: f64,
}

impl Manifest {
    /// Reads a manifest; `None` if there is no such file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Results`] if the file is not a manifest.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Error::Results {
                file: path.to_owned(),
                problem: error.to_string(),
            })
    }

    /// Writes the manifest.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_whole(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            writeln!(out)
        })
    }

    /// Takes over the entries of `newer`. Older ones stay for the datasets that keep older rows, but
    /// for those that made the same rows as the newer.
    pub(crate) fn merge(mut self, newer: Self, keep_rows: &HashSet<String>) -> Self {
        self.datasets
            .retain(|dataset, _| keep_rows.contains(dataset));
        for (dataset, mut entries) in newer.datasets {
            let older = self.datasets.remove(&dataset).unwrap_or_default();
            let replaced = |old: &DatasetEntry| entries.iter().any(|new| new.replaces(old));
            let kept: Vec<_> = older.into_iter().filter(|old| !replaced(old)).collect();
            entries.extend(kept);
            self.datasets.insert(dataset, entries);
        }
        self
    }
}

impl Manifest {
    /// Where the data behind `measured` are others than those behind these committed results: rows
    /// that cannot be compared. Compiled-in data are part of the code, and always can.
    pub fn other_data(&self, measured: &Self) -> Vec<Skip> {
        let mut other = Vec::new();
        for dataset in measured.datasets.keys() {
            let (old, new) = (self.files(dataset), measured.files(dataset));
            let changed: Vec<&str> = new
                .iter()
                .filter(|new| {
                    old.iter()
                        .any(|old| old.path == new.path && old.blob_id != new.blob_id)
                })
                .map(|file| file.path.as_str())
                .collect();
            if !changed.is_empty() {
                other.push(Skip {
                    dataset: Some(dataset.clone()),
                    reason: format!(
                        "{dataset}: the committed results come from other contents of {}",
                        changed.join(", ")
                    ),
                    ..Skip::default()
                });
            }
        }
        other
    }

    /// How large the test parts of a dataset's splits of one kind are, divided by the training parts, in its
    /// newest run; `None` if that is not known.
    pub(crate) fn test_to_train(&self, dataset: &str, split: &str) -> Option<f64> {
        let splits = self.datasets.get(dataset)?.first()?.splits.get(split)?;
        let sum = |part: &str| {
            let sizes = splits.iter().map(|split| split[part].as_f64());
            sizes.sum::<Option<f64>>()
        };
        Some(sum("test")? / sum("train")?).filter(|share| *share > 0.0 && share.is_finite())
    }

    /// The metric that the experiment lists first.
    pub(crate) fn first_metric(&self) -> Option<String> {
        let entry = self.datasets.values().find_map(|runs| runs.first())?;
        let metric = entry.configuration["metrics"][0].as_str()?;
        Some(metric.to_owned())
    }

    /// The price list of a dataset's newest run, if it had one.
    pub fn prices(&self, dataset: &str) -> Option<&Prices> {
        self.datasets.get(dataset)?.first()?.prices.as_ref()
    }

    /// The model that is spoken of where only one is: the first of the first price list.
    pub fn first_model(&self) -> Option<&ModelPrice> {
        let prices = self.datasets.keys().find_map(|name| self.prices(name))?;
        prices.first_model().ok()
    }

    /// Where `measured` has other prices than these committed results: rows with a price, which
    /// cannot be compared.
    pub fn other_prices(&self, measured: &Self) -> Vec<Skip> {
        let mut skips = Vec::new();
        for dataset in measured.datasets.keys() {
            let (Some(before), Some(now)) = (self.prices(dataset), measured.prices(dataset)) else {
                continue;
            };
            if before.is_same_as(now) {
                continue;
            }
            skips.extend(now.names().map(|price| Skip {
                dataset: Some(dataset.clone()),
                price: Some(price.to_owned()),
                reason: format!(
                    "{dataset}: the price list {} has other prices than the committed results",
                    now.file()
                ),
                ..Skip::default()
            }));
        }
        skips
    }

    /// Where `measured` can round differently from what made these committed results, because the
    /// machine or an embedder's backend is another: rows of routers that are fitted by descent, and all rows
    /// that come from vectors of 8 bits.
    pub fn other_rounding(&self, measured: &Self, experiment: &Experiment) -> Vec<Skip> {
        let mut skips = Vec::new();
        for (dataset, now) in measured.newest() {
            let before = self.newest().find(|(name, _)| *name == dataset);
            for (embedder, why) in before.map_or(Vec::new(), |(_, old)| now.rounds_unlike(old)) {
                let routers = experiment.routers.iter();
                let fitted = routers.filter(|router| {
                    router.spec.is_fitted_by_descent()
                        && (embedder.is_none() || router.spec.reads_embeddings())
                });
                skips.extend(fitted.map(|router| Skip {
                    dataset: Some(dataset.clone()),
                    embedder: embedder.clone(),
                    router: Some(router.label.clone()),
                    reason: format!("fitted by gradient descent, {why}"),
                    ..Skip::default()
                }));
                let coarse = now.embedders.keys().filter(|name| has_eight_bits(name));
                let coarse = coarse.filter(|name| embedder.as_ref().is_none_or(|of| of == *name));
                skips.extend(coarse.map(|name| Skip {
                    dataset: Some(dataset.clone()),
                    embedder: Some(name.clone()),
                    reason: format!("embedded in 8 bits, {why}"),
                    ..Skip::default()
                }));
            }
        }
        skips
    }

    fn newest(&self) -> impl Iterator<Item = (&String, &DatasetEntry)> {
        let datasets = self.datasets.iter();
        datasets.filter_map(|(dataset, runs)| Some((dataset, runs.first()?)))
    }

    /// The datasets that were read from other files than the pinned ones, with these files.
    pub fn not_upstream(&self) -> Vec<(String, Vec<String>)> {
        self.datasets
            .keys()
            .map(|dataset| {
                let files = self.files(dataset).into_iter();
                let others = files.filter(|file| file.upstream == Some(false));
                (dataset.clone(), others.map(|file| file.path).collect())
            })
            .filter(|(_, files): &(String, Vec<String>)| !files.is_empty())
            .collect()
    }

    /// The same in words, a line for each dataset, for a report's end.
    pub(crate) fn not_upstream_note(&self) -> String {
        let line = |(dataset, files): (String, Vec<String>)| {
            let names: Vec<&str> = files
                .iter()
                .map(|file| file.rsplit('/').next().unwrap_or(file))
                .collect();
            format!(
                "\nOf {dataset}, {} were not upstream's originals; the [README](../../README.md) says more.\n",
                names.join(" and ")
            )
        };
        self.not_upstream().into_iter().map(line).collect()
    }

    /// What the newest run of a dataset read, but for what is compiled in.
    fn files(&self, dataset: &str) -> Vec<FileRecord> {
        let mut newest = self.newest();
        newest
            .find(|(name, _)| *name == dataset)
            .map(|(_, run)| &run.benchmark["provenance"])
            .filter(|provenance| provenance["origin"] != json!(Origin::CompiledIn))
            .and_then(|provenance| serde_json::from_value(provenance["files"].clone()).ok())
            .unwrap_or_default()
    }
}

impl DatasetEntry {
    /// Whether it made rows with the same labels as `old`.
    fn replaces(&self, old: &Self) -> bool {
        self.configuration == old.configuration && self.embedders.keys().eq(old.embedders.keys())
    }

    /// With which embedder, or `None` for any, its arithmetic is not that of `old`; and why.
    fn rounds_unlike(&self, old: &Self) -> Vec<(Option<String>, String)> {
        let differs = |field: &str| self.machine[field] != old.machine[field];
        if ["os", "arch", "cpu", "vectors"].into_iter().any(differs) {
            return vec![(None, "on another machine".to_owned())];
        }
        let embedders = self.embedders.iter();
        let because = |(name, now): (&String, &Value)| {
            let before = old.embedders.get(name)?;
            let why = if before["backend"] != now["backend"] {
                let backend = now["backend"].as_str().unwrap_or_default();
                format!("with {name} by {backend}")
            } else if has_eight_bits(name) && before["files"] != now["files"] {
                format!("with {name} from another file")
            } else {
                return None;
            };
            Some((Some(name.clone()), why))
        };
        embedders.filter_map(because).collect()
    }
}

fn has_eight_bits(embedder: &str) -> bool {
    embedder.parse().is_ok_and(EmbedderKind::has_eight_bits)
}

/// How many of the queries differ in their normalised text.
pub(crate) fn distinct_queries(benchmark: &Benchmark) -> usize {
    distinct_texts(benchmark.query_texts())
}

/// How many of the texts differ, normalised.
pub(crate) fn distinct_texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    let texts: BTreeSet<String> = texts.into_iter().map(normalise).collect();
    texts.len()
}

pub(crate) fn describe_benchmark(benchmark: &Benchmark) -> Value {
    json!({
        "tools": benchmark.tools().len(),
        "queries": benchmark.queries().len(),
        "distinct_queries": distinct_queries(benchmark),
        "provenance": benchmark.provenance(),
    })
}

pub(crate) fn describe_experiment(experiment: &Experiment, grid: &Grid) -> Value {
    json!({
        "question": experiment.question,
        "metrics": experiment.metrics,
        "subsets": experiment.subsets,
        "baselines": experiment.baselines,
        "routers": by_way_of_text(&experiment.routers_on(grid).collect::<Vec<_>>()),
        "grid": grid,
        "bootstrap": BOOTSTRAP,
    })
}

/// In a text an `f32` is 0.3, in a [`Value`] it becomes 0.30000001192092896.
pub(crate) fn by_way_of_text(content: &impl Serialize) -> Value {
    serde_json::to_string(content)
        .and_then(|text| serde_json::from_str(&text))
        .unwrap_or_default()
}

pub(crate) fn describe_split(split: &Split, seed: u64, leakage: &Leakage) -> Value {
    json!({
        "seed": seed,
        "train": split.train.len(),
        "test": split.test.len(),
        "dropped": split.dropped.len(),
        "leakage": leakage,
    })
}

pub(crate) fn describe_embedder(embedder: &dyn Embedder) -> Value {
    json!({
        "backend": embedder.backend(),
        "files": embedder.checksums(),
        "dimension": embedder.dimension(),
    })
}

pub(crate) fn describe_code() -> Value {
    let git = |arguments: &[&str]| {
        Command::new("git")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .ok()
            .filter(|output| output.status.success())
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": git(&["rev-parse", "HEAD"]),
        "modified": git(&["status", "--porcelain", "--untracked-files=no"]).map(|s| !s.is_empty()),
    })
}

pub(crate) fn describe_machine() -> Value {
    let cpu = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        text.lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split_once(": "))
            .map(|(_, model)| model.to_owned())
    });
    json!({
        "os": std::env::consts::OS,
        "arch": std::env::consts::ARCH,
        "cpu": cpu,
        "vectors": vector_instructions(),
        "threads": rayon::current_num_threads(),
    })
}

/// Those that linear algebra picks its kernels by, and so the order of its sums; the names of
/// processors do not tell.
fn vector_instructions() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    let known = [
        ("avx2", std::arch::is_x86_feature_detected!("avx2")),
        ("fma", std::arch::is_x86_feature_detected!("fma")),
        ("avx512f", std::arch::is_x86_feature_detected!("avx512f")),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let known: [(&str, bool); 0] = [];
    let there = known.into_iter().filter(|(_, there)| *there);
    there.map(|(name, _)| name).collect()
}
