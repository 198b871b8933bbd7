//! What people read of an experiment: figures and README.md, made from its result files alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use oats_harness::{
    Frontier, FrontierPoints, Manifest, Study, costs_report, frontier_report, report,
    rows::read_rows, write_whole,
};

use crate::{figures, workspace};

/// Draws the figures of the results in `folder` and writes its README.md. Gives the files.
pub(crate) fn write(study: &Study, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = figures::draw(study, folder)?;
    let readme = folder.join("README.md");
    let text = readme_text(study, folder)?;
    write_whole(&readme, |out| out.write_all(text.as_bytes()))?;
    files.push(readme);
    Ok(files)
}

fn readme_text(study: &Study, folder: &Path) -> Result<String> {
    let figure = figures::name(study.name())
        .map(|name| format!("{name}.png"))
        .filter(|name| folder.join(name).exists());
    let figure = figure.as_deref();
    Ok(match study {
        Study::Ranking(experiment) => {
            let metrics = read_rows(&folder.join("metrics.csv"))?;
            let tests = read_rows(&folder.join("tests.csv"))?;
            report(experiment, &metrics, &tests, figure)
        }
        Study::Costs(costs) => {
            let rows = read_rows(&folder.join("costs.csv"))?;
            let manifest = Manifest::read(&folder.join("manifest.json"))?;
            let manifest = manifest.with_context(|| {
                format!(
                    "{} has no manifest.json, and no prices without it; run the experiment again",
                    folder.display()
                )
            })?;
            costs_report(costs, &rows, &manifest, figure)
        }
        Study::Frontier(study) => frontier_report(study, &points(study, folder)?, figure),
    })
}

/// The study's own rows in `folder`, joined with those of the experiments that it names: the committed
/// ones, or, where there are none, those that were run beside it.
pub(crate) fn points(study: &Frontier, folder: &Path) -> Result<FrontierPoints> {
    let other = |name: &str, file: &str| -> Result<PathBuf> {
        let beside = folder.with_file_name(name).join(file);
        let committed = workspace::root()?.join("results").join(name).join(file);
        let found = [&committed, &beside].into_iter().find(|path| path.exists());
        found.cloned().with_context(|| {
            format!(
                "{}: there are no rows of `{name}`, which it is to be joined with: neither {} nor {}; run \
                 that experiment first",
                study.name,
                committed.display(),
                beside.display()
            )
        })
    };
    let manifest = Manifest::read(&folder.join("manifest.json"))?;
    let manifest = manifest.with_context(|| {
        format!(
            "{} has no manifest.json; run the experiment again",
            folder.display()
        )
    })?;
    Ok(FrontierPoints::new(
        study,
        &read_rows(&folder.join("latency.csv"))?,
        &manifest,
        &read_rows(&other(&study.quality, "metrics.csv")?)?,
        &read_rows(&other(&study.costs, "costs.csv")?)?,
    ))
}

#[cfg(test)]
mod tests {
    use anyhow::ensure;

    use super::*;

    #[test]
    fn committed_answers_are_those_of_the_committed_rows() -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the workspace")?;
        for entry in std::fs::read_dir(root.join("experiments"))? {
            let study = Study::read(&entry?.path())?;
            let folder = root.join("results").join(study.name());
            if !folder.exists() {
                continue; // It was not run yet.
            }
            let file = match study {
                Study::Ranking(_) => "metrics.csv",
                Study::Costs(_) => "costs.csv",
                Study::Frontier(_) => "latency.csv",
            };
            let rows = std::fs::read_to_string(folder.join(file))?;
            ensure!(rows.lines().count() > 1, "{} has no results", study.name());
            let committed = std::fs::read_to_string(folder.join("README.md"))?;
            ensure!(
                committed == readme_text(&study, &folder)?,
                "results/{}/README.md is stale: run `cargo xtask reproduce --bless`",
                study.name()
            );
        }
        Ok(())
    }
}
