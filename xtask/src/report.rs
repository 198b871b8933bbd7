//! What people read of an experiment: figures and README.md, made from its CSV files alone.

use std::path::{Path, PathBuf};

use anyhow::Result;
use oats_harness::{
    Experiment, report,
    rows::{MetricRow, TestRow, read_rows},
    write_whole,
};

use crate::figures;

/// Draws the figures of the results in `folder` and writes its README.md. Gives the files.
pub(crate) fn write(experiment: &Experiment, folder: &Path) -> Result<Vec<PathBuf>> {
    let metrics: Vec<MetricRow> = read_rows(&folder.join("metrics.csv"))?;
    let mut files = figures::draw(experiment, &metrics, folder)?;
    let readme = folder.join("README.md");
    let text = readme_text(experiment, &metrics, folder)?;
    write_whole(&readme, |out| out.write_all(text.as_bytes()))?;
    files.push(readme);
    Ok(files)
}

fn readme_text(experiment: &Experiment, metrics: &[MetricRow], folder: &Path) -> Result<String> {
    let tests: Vec<TestRow> = read_rows(&folder.join("tests.csv"))?;
    let figure = figures::name(&experiment.name)
        .map(|name| format!("{name}.png"))
        .filter(|name| folder.join(name).exists());
    Ok(report(experiment, metrics, &tests, figure.as_deref()))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn committed_answers_are_those_of_the_committed_rows() -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the workspace")?;
        for entry in std::fs::read_dir(root.join("experiments"))? {
            let experiment = Experiment::read(&entry?.path())?;
            let folder = root.join("results").join(&experiment.name);
            if !folder.exists() {
                continue; // It was not run yet.
            }
            let metrics = read_rows(&folder.join("metrics.csv"))?;
            assert!(!metrics.is_empty(), "{} has no results", experiment.name);
            let committed = std::fs::read_to_string(folder.join("README.md"))?;
            assert!(
                committed == readme_text(&experiment, &metrics, &folder)?,
                "results/{}/README.md is stale: run `cargo xtask reproduce --bless`",
                experiment.name
            );
        }
        Ok(())
    }
}
