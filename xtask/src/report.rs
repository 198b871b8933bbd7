//! What people read of an experiment: figures and README.md, made from its result files alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use oats_harness::{
    Frontier, FrontierPoints, Joined, Manifest, Study, costs_report, frontier_report,
    geometry_report, latency_report, report, rows::read_rows, scaling_report, write_whole,
};

use crate::figures;

/// Draws the figures of the results in `folder` and writes its README.md. Gives the files. `others` has
/// the folders of experiments that this one names.
pub(crate) fn write(
    study: &Study,
    folder: &Path,
    others: &dyn Fn(&str) -> PathBuf,
) -> Result<Vec<PathBuf>> {
    let mut files = figures::draw(study, folder, others)?;
    let readme = folder.join("README.md");
    let text = readme_text(study, folder, others)?;
    write_whole(&readme, |out| out.write_all(text.as_bytes()))?;
    files.push(readme);
    Ok(files)
}

fn readme_text(study: &Study, folder: &Path, others: &dyn Fn(&str) -> PathBuf) -> Result<String> {
    let figure = figures::name(study.name())
        .map(|name| format!("{name}.png"))
        .filter(|name| folder.join(name).exists());
    let figure = figure.as_deref();
    let manifest = || {
        Manifest::read(&folder.join("manifest.json"))?.with_context(|| {
            format!(
                "{} has no manifest.json; run the experiment again",
                folder.display()
            )
        })
    };
    Ok(match study {
        Study::Ranking(experiment) => {
            let metrics = read_rows(&folder.join("metrics.csv"))?;
            let tests = read_rows(&folder.join("tests.csv"))?;
            report(experiment, &metrics, &tests, figure)
        }
        Study::Costs(costs) => {
            let rows = read_rows(&folder.join("costs.csv"))?;
            costs_report(costs, &rows, &manifest()?, figure)
        }
        Study::Latency(study) => {
            let rows = read_rows(&folder.join("latency.csv"))?;
            latency_report(study, &rows, &manifest()?, figure)
        }
        Study::Scaling(study) => {
            let rows = read_rows(&folder.join("scaling.csv"))?;
            scaling_report(study, &rows, figure)
        }
        Study::Geometry(study) => {
            let rows = read_rows(&folder.join("points.csv"))?;
            geometry_report(study, &rows, &manifest()?, figure)
        }
        Study::Frontier(study) => frontier_report(study, &points(study, others)?, figure),
    })
}

/// The rows of the experiments that a frontier names, joined.
pub(crate) fn points(study: &Frontier, others: &dyn Fn(&str) -> PathBuf) -> Result<FrontierPoints> {
    let file = |name: &str, file: &str| -> Result<PathBuf> {
        let path = others(name).join(file);
        ensure!(
            path.exists(),
            "{}: there are no rows of `{name}`, which it is to be joined with: there is no {}; run that \
             experiment first",
            study.name,
            path.display()
        );
        Ok(path)
    };
    let manifest = |name: &str| Manifest::read(&others(name).join("manifest.json"));
    let joined = Joined {
        quality: (
            read_rows(&file(&study.quality, "metrics.csv")?)?,
            manifest(&study.quality)?,
        ),
        latency: read_rows(&file(&study.latency, "latency.csv")?)?,
        costs: (
            read_rows(&file(&study.costs, "costs.csv")?)?,
            manifest(&study.costs)?,
        ),
    };
    Ok(FrontierPoints::new(study, &joined))
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
                Study::Ranking(_) => Some("metrics.csv"),
                Study::Costs(_) => Some("costs.csv"),
                Study::Latency(_) => Some("latency.csv"),
                Study::Scaling(_) => Some("scaling.csv"),
                Study::Geometry(_) => Some("points.csv"),
                Study::Frontier(_) => None,
            };
            if let Some(file) = file {
                let rows = std::fs::read_to_string(folder.join(file))?;
                ensure!(rows.lines().count() > 1, "{} has no results", study.name());
            }
            let committed = std::fs::read_to_string(folder.join("README.md"))?;
            ensure!(
                committed == readme_text(&study, &folder, &|name| root.join("results").join(name))?,
                "results/{}/README.md is stale: run `cargo xtask reproduce --bless`",
                study.name()
            );
        }
        Ok(())
    }
}
