//! What people read of an experiment: figures and README.md, made from its result files alone.

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use oats_harness::{
    Frontier, FrontierPoints, Joined, Manifest, Serving, ServingPoints, Study, costs_report,
    frontier_report, geometry_report, latency_report, peers_report, report,
    rows::{ComparedRow, LatencyRow, MetricRow, Row, read_rows, rows_in},
    scaling_report, serving_report, write_whole,
};

use crate::{
    figures::{self, Drawn},
    page, readme,
    study::read_all,
};

/// A file that is made from result files.
pub(crate) struct Made {
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

impl Made {
    fn new(path: PathBuf, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path,
            content: content.into(),
        }
    }

    /// Whether the file is there and holds just that.
    pub(crate) fn is_fresh(&self) -> Result<bool> {
        match fs::read(&self.path) {
            Ok(content) => Ok(content == self.content),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => {
                Err(error).with_context(|| format!("cannot read {}", self.path.display()))
            }
        }
    }

    pub(crate) fn is_figure(&self) -> bool {
        let end = self.path.extension().and_then(OsStr::to_str);
        end.is_some_and(|end| ["svg", "png"].contains(&end))
    }

    pub(crate) fn write(&self) -> Result<()> {
        Ok(write_whole(&self.path, |out| out.write_all(&self.content))?)
    }
}

/// Writes those files made from the committed results that are stale, and gives their paths.
pub(crate) fn refresh(root: &Path) -> Result<Vec<PathBuf>> {
    let mut written = of_folders(root)?;
    written.retain(|made| !made.is_fresh().unwrap_or(false));
    written.iter().try_for_each(Made::write)?;
    // Afterwards: the page shows the others.
    for made in of_all(root)? {
        if !made.is_fresh()? {
            made.write()?;
            written.push(made);
        }
    }
    Ok(written.into_iter().map(|made| made.path).collect())
}

/// The files made from the committed results that are stale. Where one of a folder's is, what tells of all
/// folders is not looked at: it is made from them.
pub(crate) fn stale(root: &Path) -> Result<Vec<PathBuf>> {
    let stale = |made: Vec<Made>| {
        let mut paths = Vec::new();
        for made in made {
            if !made.is_fresh()? {
                paths.push(made.path);
            }
        }
        Ok::<_, anyhow::Error>(paths)
    };
    match stale(of_folders(root)?)? {
        none if none.is_empty() => stale(of_all(root)?),
        some => Ok(some),
    }
}

/// Figures and README.md files of all folders of committed results.
pub(crate) fn of_folders(root: &Path) -> Result<Vec<Made>> {
    let results = root.join("results");
    let mut files = Vec::new();
    for study in read_all(&root.join("experiments"))? {
        let folder = results.join(study.name());
        if folder.exists() {
            files.extend(of_study(&study, &folder, &|name| results.join(name))?);
        }
    }
    let peers = results.join("peers");
    if peers.exists() {
        files.extend(of_peers(&peers)?);
    }
    Ok(files)
}

/// What tells of all committed results: the workspace's README.md with its tables, and the page.
pub(crate) fn of_all(root: &Path) -> Result<Vec<Made>> {
    let (readme, results) = (root.join("README.md"), root.join("results"));
    let text = readme::with_tables(&readme, &results)?;
    let mut files = vec![Made::new(readme, text)];
    files.extend(of_page(root, &results, &|_| true)?);
    Ok(files)
}

/// The page of those experiments in a folder of results that are `shown`, index.html; none without the one
/// that its leaderboard is of.
pub(crate) fn of_page(
    root: &Path,
    results: &Path,
    shown: &dyn Fn(&str) -> bool,
) -> Result<Option<Made>> {
    if !shown(page::BOARD) || !results.join(page::BOARD).join("metrics.csv").exists() {
        return Ok(None);
    }
    let html = page::html(&root.join("experiments"), results, shown)?;
    Ok(Some(Made::new(results.join("index.html"), html)))
}

/// The figure and the README.md of the results in `folder`. `others` has the folders of experiments that
/// this one names.
pub(crate) fn of_study(
    study: &Study,
    folder: &Path,
    others: &dyn Fn(&str) -> PathBuf,
) -> Result<Vec<Made>> {
    let drawn = figures::draw(study, folder, others)?;
    let text = readme_text(study, folder, others, drawn.as_ref())?;
    files(folder, drawn.as_ref(), text)
}

/// The figure of a comparison.
pub(crate) fn of_comparison(folder: &Path, rows: &[ComparedRow]) -> Result<Vec<Made>> {
    let drawn = figures::draw_comparison(rows)?;
    drawn.map_or(Ok(Vec::new()), |drawn| figure_files(folder, &drawn))
}

/// The same of the peers' results.
pub(crate) fn of_peers(folder: &Path) -> Result<Vec<Made>> {
    let rows = rows_in(folder)?;
    let drawn = figures::draw_peers(&rows)?;
    let text = peers_report(
        &rows,
        &manifest(folder)?,
        png_name(drawn.as_ref()).as_deref(),
    );
    files(folder, drawn.as_ref(), text)
}

fn files(folder: &Path, drawn: Option<&Drawn>, text: String) -> Result<Vec<Made>> {
    let mut files = drawn.map_or(Ok(Vec::new()), |drawn| figure_files(folder, drawn))?;
    files.push(Made::new(folder.join("README.md"), text));
    Ok(files)
}

fn figure_files(folder: &Path, drawn: &Drawn) -> Result<Vec<Made>> {
    let file = |end| folder.join(format!("{}.{end}", drawn.name));
    Ok(vec![
        Made::new(file("svg"), drawn.svg.as_str()),
        Made::new(file("png"), drawn.png()?),
    ])
}

fn png_name(drawn: Option<&Drawn>) -> Option<String> {
    drawn.map(|drawn| format!("{}.png", drawn.name))
}

/// What an experiment's folder says of where its rows are from.
pub(crate) fn manifest(folder: &Path) -> Result<Manifest> {
    Manifest::read(&folder.join("manifest.json"))?.with_context(|| {
        format!(
            "{} has no manifest.json; run the experiment again, or restore it from git",
            folder.display()
        )
    })
}

fn readme_text(
    study: &Study,
    folder: &Path,
    others: &dyn Fn(&str) -> PathBuf,
    drawn: Option<&Drawn>,
) -> Result<String> {
    let figure = png_name(drawn);
    let figure = figure.as_deref();
    Ok(match study {
        Study::Ranking(experiment) => {
            let metrics = rows_in(folder)?;
            let tests = rows_in(folder)?;
            report(experiment, &metrics, &tests, figure)
        }
        Study::Costs(costs) => {
            let rows = rows_in(folder)?;
            costs_report(costs, &rows, &manifest(folder)?, figure)
        }
        Study::Latency(study) => {
            let rows = rows_in(folder)?;
            latency_report(study, &rows, &manifest(folder)?, figure)
        }
        Study::Scaling(study) => {
            let rows = rows_in(folder)?;
            scaling_report(study, &rows, figure)
        }
        Study::Geometry(study) => {
            let rows = rows_in(folder)?;
            geometry_report(study, &rows, &manifest(folder)?, figure)
        }
        Study::Frontier(study) => frontier_report(study, &points(study, others)?, figure),
        Study::Serving(study) => serving_report(study, &serving_points(study, others)?, figure),
    })
}

/// The rows of the experiments that a frontier names, joined.
pub(crate) fn points(study: &Frontier, others: &dyn Fn(&str) -> PathBuf) -> Result<FrontierPoints> {
    let manifest = |name: &str| Manifest::read(&others(name).join("manifest.json"));
    let joined = Joined {
        quality: (
            joined_rows(&study.name, &study.quality, others)?,
            manifest(&study.quality)?,
        ),
        latency: joined_rows(&study.name, &study.latency, others)?,
        costs: (
            joined_rows(&study.name, &study.costs, others)?,
            manifest(&study.costs)?,
        ),
    };
    Ok(FrontierPoints::new(study, &joined))
}

/// The rows of the experiments whose quality and latency are to be joined, joined.
pub(crate) fn serving_points(
    study: &Serving,
    others: &dyn Fn(&str) -> PathBuf,
) -> Result<ServingPoints> {
    let made = Manifest::read(&others(&study.quality).join("manifest.json"))?;
    Ok(ServingPoints::new(
        study,
        &joined_rows::<MetricRow>(&study.name, &study.quality, others)?,
        made.as_ref(),
        &joined_rows::<LatencyRow>(&study.name, &study.latency, others)?,
    ))
}

/// The rows of the experiment `name`, which `study` joins with others.
fn joined_rows<R: Row>(
    study: &str,
    name: &str,
    others: &dyn Fn(&str) -> PathBuf,
) -> Result<Vec<R>> {
    let file = others(name).join(R::FILE);
    ensure!(
        file.exists(),
        "{study}: there are no rows of `{name}`, which it is to be joined with: there is no {}; run that \
         experiment first",
        file.display()
    );
    Ok(read_rows(&file)?)
}

#[cfg(test)]
mod tests {
    use oats_harness::rows::{CostRow, PointRow, ScalingRow};

    use super::*;

    #[test]
    fn what_is_committed_is_made_from_the_committed_rows() -> Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the workspace")?;
        let stale = stale(root)?;
        ensure!(
            stale.is_empty(),
            "stale: {stale:?}; run `cargo xtask report`"
        );
        for study in read_all(&root.join("experiments"))? {
            let file = match study {
                Study::Ranking(_) => MetricRow::FILE,
                Study::Costs(_) => CostRow::FILE,
                Study::Latency(_) => LatencyRow::FILE,
                Study::Scaling(_) => ScalingRow::FILE,
                Study::Geometry(_) => PointRow::FILE,
                Study::Frontier(_) | Study::Serving(_) => continue,
            };
            let file = root.join("results").join(study.name()).join(file);
            if file.exists() {
                let rows = fs::read_to_string(&file)?;
                ensure!(rows.lines().count() > 1, "{} has no rows", file.display());
            }
        }
        Ok(())
    }
}
