//! Options that several commands share: where data and models are, how much is run.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use oats_datasets::{Dataset, Sources};
use oats_embedders::{Backend, ModelSources};
use oats_harness::{
    Resources, RunOptions, Sharing, Study, run_costs, run_geometry, run_latency, run_scaling,
};
use oats_llm::Prices;
use serde::{Deserialize, Serialize};

use crate::{
    llm::LlmOptions, memory::RouteProcess, progress::Terminal, report, shards, study::Ran,
    workspace,
};

/// Where data sets and models are looked for.
#[derive(Args)]
#[command(next_help_heading = "Data and models")]
pub(crate) struct Places {
    /// Folder with upstream's data in upstream's layout: DIR/metatool, DIR/stabletoolbench.
    #[arg(long, value_name = "DIR", env = "OATS_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder with the model's files: DIR/all-MiniLM-L6-v2.
    #[arg(long, value_name = "DIR", env = "OATS_MODEL_DIR")]
    pub model_dir: Option<PathBuf>,
    /// Where downloads and embeddings are kept [default: the user's cache folder].
    #[arg(long, value_name = "DIR", env = "OATS_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// The ONNX Runtime library, libonnxruntime.so or its like.
    #[arg(long, value_name = "FILE", env = "ORT_DYLIB_PATH")]
    pub ort_library: Option<PathBuf>,
    /// What computes MiniLM's vectors.
    #[arg(long, value_enum, default_value_t = BackendName::Auto)]
    pub backend: BackendName,
    /// Do not use the network.
    #[arg(long)]
    pub offline: bool,
    /// A mirror of GitHub's raw files.
    #[arg(long, value_name = "URL", env = "OATS_GITHUB_RAW_URL", hide = true)]
    pub github_raw_url: Option<String>,
    /// A mirror of the Hugging Face hub.
    #[arg(long, value_name = "URL", env = "HF_ENDPOINT", hide = true)]
    pub hub_url: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum BackendName {
    /// The fastest that is available.
    Auto,
    /// ONNX Runtime.
    Onnx,
    /// candle, in pure Rust.
    Candle,
}

impl Places {
    pub(crate) fn cache_dir(&self) -> Result<PathBuf> {
        match &self.cache_dir {
            Some(folder) => Ok(folder.clone()),
            None => Ok(dirs::cache_dir()
                .context("this system names no cache folder; give one with --cache-dir")?
                .join("oats")),
        }
    }

    pub(crate) fn data_sources(&self) -> Result<Sources> {
        let mut sources = Sources::new(self.data_dir.clone(), self.cache_dir()?.join("data"));
        sources.offline = self.offline;
        if let Some(url) = &self.github_raw_url {
            sources.raw_url.clone_from(url);
        }
        Ok(sources)
    }

    /// All that is looked for in them.
    pub(crate) fn resources(&self) -> Result<Resources> {
        Ok(Resources::new(
            self.data_sources()?,
            self.model_sources()?,
            self.backend.into(),
            self.cache_dir()?.join("embeddings"),
        ))
    }

    pub(crate) fn model_sources(&self) -> Result<ModelSources> {
        Ok(ModelSources {
            model_dir: self.model_dir.clone(),
            cache_dir: self.cache_dir()?,
            ort_library: self.ort_library.clone(),
            hub_url: self.hub_url.clone(),
            offline: self.offline,
        })
    }

    /// The options that name these places to another command.
    fn options(&self) -> Result<Vec<OsString>> {
        let mut options = Vec::new();
        let mut name = |option: &str, value: &Option<PathBuf>| {
            if let Some(value) = value {
                options.extend([option.into(), value.clone().into_os_string()]);
            }
        };
        name("--data-dir", &self.data_dir);
        name("--model-dir", &self.model_dir);
        name("--cache-dir", &Some(self.cache_dir()?));
        name("--ort-library", &self.ort_library);
        let backend = self.backend.to_possible_value();
        let backend = backend.map(|value| value.get_name().to_owned());
        options.extend([
            OsString::from("--backend"),
            backend.unwrap_or_default().into(),
        ]);
        // What it reads was read before, by this command.
        options.push("--offline".into());
        Ok(options)
    }
}

impl From<BackendName> for Backend {
    fn from(name: BackendName) -> Self {
        match name {
            BackendName::Auto => Self::Auto,
            BackendName::Onnx => Self::Onnx,
            BackendName::Candle => Self::Candle,
        }
    }
}

/// All that experiments and routers read.
#[derive(Args)]
pub(crate) struct Inputs {
    #[command(flatten)]
    places: Places,
    #[command(flatten)]
    prices: PriceList,
    #[command(flatten)]
    llm: LlmOptions,
}

/// What experiments are run with.
pub(crate) struct Opened {
    pub resources: Resources,
    pub prices: Prices,
    pub memory: RouteProcess,
    /// With whom the cells are shared, if with anybody.
    pub sharing: Option<Sharing>,
}

impl Inputs {
    /// Nothing is read yet, but for the price list and the LLM's recordings.
    pub(crate) fn open(&self) -> Result<Opened> {
        let prices = self.prices.read()?;
        let resources = self.places.resources()?;
        let llm = self.llm.chat(&self.places, &prices)?;
        Ok(Opened {
            resources: resources.with_llm(llm),
            prices,
            memory: RouteProcess {
                places: self.places.options()?,
            },
            sharing: None,
        })
    }
}

/// How much of the experiments is run.
#[derive(Clone, Default, PartialEq, Args, Serialize, Deserialize)]
pub(crate) struct Extent {
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = dataset,
          help = format!("Only these data sets, separated by commas: {}", dataset_names()))]
    pub datasets: Option<Vec<Dataset>>,
    /// Only the first N seeds of each grid.
    #[arg(long, value_name = "N")]
    pub seeds: Option<NonZeroUsize>,
    /// Only the first seed of each grid, and only what the grids name under `quick`.
    #[arg(long, conflicts_with = "seeds")]
    pub quick: bool,
    /// Fail if one of these data sets cannot be had, instead of going on without it.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = dataset)]
    pub require: Vec<Dataset>,
    /// Also write every ranking as a TREC run, with qrels, for trec_eval: DIR/EXPERIMENT/trec/.
    #[arg(long)]
    pub trec: bool,
    /// Also save every fitted router, as safetensors with its settings: DIR/EXPERIMENT/routers/.
    #[arg(long)]
    pub save_routers: bool,
    /// Also write what each test query scored, for `compare`: DIR/EXPERIMENT/scores/.
    #[arg(long)]
    pub scores: bool,
}

/// What tokens and processor cores cost.
#[derive(Args)]
struct PriceList {
    /// A price list of your own, in the format of crates/llm/prices.toml.
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
}

impl PriceList {
    /// The user's own, or the built-in one.
    ///
    /// # Errors
    /// The user's cannot be read.
    fn read(&self) -> Result<Prices> {
        Ok(match &self.prices {
            Some(file) => Prices::read(file)?,
            None => Prices::builtin()?,
        })
    }
}

impl Extent {
    /// Leaves in the experiments what is to be run, and leaves out those with nothing to run.
    ///
    /// # Errors
    /// A data set is named that no experiment runs.
    pub(crate) fn restrict(&self, studies: Vec<Study>) -> Result<Vec<Study>> {
        if let Some(datasets) = &self.datasets {
            are_run("--datasets", datasets, &studies)?;
        }
        let restricted: Vec<Study> = studies
            .into_iter()
            .map(|mut study| {
                if self.quick {
                    study.quicken();
                }
                study.restrict(self.datasets.as_deref(), self.seeds.map(NonZeroUsize::get));
                study
            })
            .filter(|study| match study {
                // It reads none: where some are asked for, it is not.
                Study::Scaling(_) => self.datasets.is_none(),
                _ => !study.datasets().is_empty(),
            })
            .collect();
        are_run("--require", &self.require, &restricted)?;
        Ok(restricted)
    }

    /// Runs a restricted experiment, into a folder of its own under `out`. `others` has the folders of
    /// experiments that it may name.
    pub(crate) fn run<'a>(
        &self,
        study: &'a Study,
        opened: &Opened,
        out: &Path,
        others: &dyn Fn(&str) -> PathBuf,
    ) -> Result<Ran<'a>> {
        let Opened {
            resources,
            prices,
            memory,
            sharing,
        } = opened;
        let options = RunOptions {
            out: out.to_owned(),
            require: self.require.clone(),
            trec: self.trec,
            routers: self.save_routers,
            scores: self.scores,
            sharing: sharing.clone(),
        };
        let terminal = Terminal::default();
        Ok(match study {
            Study::Ranking(experiment) => {
                let summary = oats_harness::run(experiment, resources, &options, &terminal)?;
                Ran::Ranking(experiment, summary)
            }
            Study::Costs(costs) => {
                let summary = run_costs(costs, prices, resources, &options, &terminal)?;
                Ran::Costs(costs, summary)
            }
            Study::Latency(study) => {
                let run = run_latency(study, resources, memory, &options, &terminal)?;
                Ran::Latency(study, run)
            }
            Study::Scaling(study) => Ran::Scaling(study, run_scaling(study, &options, &terminal)?),
            Study::Geometry(study) => {
                let run = run_geometry(study, resources, &options, &terminal)?;
                Ran::Geometry(study, run)
            }
            Study::Frontier(study) => {
                let points = report::points(study, others)?;
                Ran::Frontier(study, points, out.join(&study.name))
            }
            Study::Serving(study) => {
                let points = report::serving_points(study, others)?;
                Ran::Serving(study, points, out.join(&study.name))
            }
        })
    }
}

/// Checks that each of the data sets that an option names is one of the experiments'.
fn are_run(option: &str, datasets: &[Dataset], studies: &[Study]) -> Result<()> {
    let run: BTreeSet<String> = studies
        .iter()
        .flat_map(Study::datasets)
        .map(ToString::to_string)
        .collect();
    for dataset in datasets {
        ensure!(
            run.contains(&dataset.to_string()),
            "{option}: {dataset} is not among the data sets that are run: {}",
            Vec::from_iter(run).join(", ")
        );
    }
    Ok(())
}

/// Makes the folder that results go to, before anything is computed for it.
///
/// # Errors
/// It cannot be made, holds the committed results, or holds a shard, whose cells would be lost.
pub(crate) fn make_out(out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| {
        format!(
            "cannot make the folder {}; name another with --out",
            out.display()
        )
    })?;
    let is_committed = workspace::root().is_ok_and(|root| {
        let folders = [root.join("results"), out.to_owned()].map(|folder| folder.canonicalize());
        matches!(folders, [Ok(results), Ok(out)] if results == out)
    });
    ensure!(
        !is_committed,
        "--out: {} holds the committed results, which only `cargo xtask reproduce --bless` may \
         change; name another folder",
        out.display()
    );
    ensure!(
        !out.join(shards::FILE).exists(),
        "--out: {} holds a shard of `reproduce`, which waits to be merged; name another folder, or remove this one",
        out.display()
    );
    Ok(())
}

/// All that [`dataset`] reads.
pub(crate) fn dataset_names() -> String {
    let named = Dataset::NAMED.iter().map(ToString::to_string);
    let folders = ["beir:DIR", "tools:DIR"].map(str::to_owned);
    named.chain(folders).collect::<Vec<_>>().join(", ")
}

pub(crate) fn dataset(name: &str) -> Result<Dataset, String> {
    Dataset::from_str(name).map_err(|error| error.to_string())
}
