//! `results/index.html`: every committed result on one page, made from `results/` and the questions of
//! `experiments/` alone. The page needs no network, and of JavaScript only what sorts and filters.

mod experiments;
mod leaderboard;
mod manifests;
mod markup;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use oats_harness::{Experiment, Manifest, Study};

use leaderboard::Leaderboard;

use crate::{report::manifest, study::read_all};

const HTML: &str = include_str!("page.html");
const CSS: &str = include_str!("page.css");
const JAVASCRIPT: &str = include_str!("page.js");

/// The experiment whose numbers the leaderboard shows.
pub(crate) const BOARD: &str = "main";
/// What `cargo xtask peers` writes, beside the experiments.
const PEERS: &str = "peers";

/// The page of the results in a folder, of those experiments that are `shown`, with the questions of the
/// experiments in another: the same bytes each time.
///
/// # Errors
/// A file that is missing or cannot be read as what it should be; the message names it.
pub(crate) fn html(
    experiments: &Path,
    results: &Path,
    shown: &dyn Fn(&str) -> bool,
) -> Result<String> {
    let entries = entries(experiments, results, shown)?;
    let board = entries
        .iter()
        .find(|entry| entry.name == BOARD)
        .and_then(Entry::experiment)
        .with_context(|| {
            let folder = experiments.display();
            format!("{folder} has no experiment `{BOARD}` that ranks routers; restore it from git")
        })?;
    let board = Leaderboard::read(board, &results.join(BOARD))?;
    fill(
        HTML,
        &[
            ("style", CSS.to_owned()),
            ("filters", board.filters()),
            ("command", board.command()),
            ("table", board.table()),
            ("notes", board.notes()),
            ("contents", experiments::contents(&entries)),
            ("experiments", experiments::sections(&entries)?),
            ("manifests", manifests::tables(&entries)),
            ("data", board.data()?),
            ("script", JAVASCRIPT.to_owned()),
        ],
    )
}

/// An experiment, or the peers.
struct Entry {
    name: String,
    /// Markdown.
    question: String,
    /// What regenerates its results.
    command: String,
    /// Its folder in `results/`; `None` if it was not run yet.
    folder: Option<PathBuf>,
    /// `None` if its rows are joined from other experiments', or if it was not run yet.
    manifest: Option<Manifest>,
    /// `None` for the peers.
    study: Option<Study>,
}

impl Entry {
    fn of(study: Study, results: &Path, shown: &dyn Fn(&str) -> bool) -> Result<Self> {
        let folder = Some(results.join(study.name()))
            .filter(|folder| shown(study.name()) && folder.is_dir());
        let manifest = match &folder {
            Some(folder) if !study.reads_others() => Some(manifest(folder)?),
            _ => None,
        };
        Ok(Self {
            name: study.name().to_owned(),
            question: study.question().to_owned(),
            command: format!("cargo xtask reproduce --experiments {}", study.name()),
            folder,
            manifest,
            study: Some(study),
        })
    }

    fn of_peers(folder: PathBuf) -> Result<Self> {
        Ok(Self {
            name: PEERS.to_owned(),
            question: experiments::question(&folder)?,
            command: "cargo xtask peers".to_owned(),
            manifest: Some(manifest(&folder)?),
            folder: Some(folder),
            study: None,
        })
    }

    fn experiment(&self) -> Option<&Experiment> {
        match &self.study {
            Some(Study::Ranking(experiment)) => Some(experiment),
            _ => None,
        }
    }
}

/// All there is to show: the leaderboard's experiment, the others by name, the peers.
fn entries(experiments: &Path, results: &Path, shown: &dyn Fn(&str) -> bool) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for study in read_all(experiments)? {
        entries.push(Entry::of(study, results, shown)?);
    }
    entries.sort_by(|a, b| (a.name != BOARD, &a.name).cmp(&(b.name != BOARD, &b.name)));
    let peers = results.join(PEERS);
    if shown(PEERS) && peers.is_dir() {
        entries.push(Entry::of_peers(peers)?);
    }
    Ok(entries)
}

/// The folder's files whose names end in the extension, by name.
fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(cannot)? {
        let path = entry.with_context(cannot)?.path();
        if path.extension().is_some_and(|end| end == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file)
        .with_context(|| format!("cannot read {}; restore it from git", file.display()))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// The template with `{{name}}` replaced by each part. Parts are not looked at for further names.
fn fill(template: &str, parts: &[(&str, String)]) -> Result<String> {
    let mut filled = String::new();
    let mut pieces = template.split("{{");
    filled += pieces.next().unwrap_or_default();
    let mut used = 0;
    for piece in pieces {
        let Some((name, rest)) = piece.split_once("}}") else {
            bail!("page.html: `{{{{` without `}}}}`");
        };
        let part = parts.iter().find(|(known, _)| *known == name);
        let (_, part) = part.with_context(|| format!("page.html: there is no part `{name}`"))?;
        filled += part;
        filled += rest;
        used += 1;
    }
    ensure!(used == parts.len(), "page.html: a part has no place");
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn root() -> Result<&'static Path> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        folder.parent().context("the workspace")
    }

    fn html_of(root: &Path) -> Result<String> {
        html(&root.join("experiments"), &root.join("results"), &|_| true)
    }

    fn data(page: &str) -> Result<Value> {
        let start = "<script type=\"application/json\" id=\"data\">";
        let (_, rest) = page.split_once(start).context("no data")?;
        let (data, _) = rest.split_once("</script>").context("no end")?;
        Ok(serde_json::from_str(data)?)
    }

    /// A workspace of one experiment with one number.
    fn small_workspace() -> Result<tempfile::TempDir> {
        let root = tempfile::tempdir()?;
        let results = root.path().join("results/main");
        fs::create_dir_all(root.path().join("experiments"))?;
        fs::create_dir_all(&results)?;
        fs::write(
            root.path().join("experiments/main.toml"),
            "name = \"main\"\nquestion = \"Is 1 < 2 & <b>so</b>?\"\nmetrics = [\"ndcg@5\"]\n\
             baselines = [\"dense\"]\nrouters = [\"dense\"]\n[[grid]]\ndatasets = [\"builtin\"]\n\
             embedders = [\"static\"]\nsplits = [\"query\"]\npools = [\"candidates\"]\nseeds = [0]\n",
        )?;
        fs::write(
            results.join("metrics.csv"),
            "experiment,dataset,split,outcomes,pool,subset,embedder,router,seed,metric,value,ci_low,ci_high,n\n\
             main,beir:</script><s>,query,all,candidates,all,static,<u>,mean-of-1,ndcg@5,0.500000,0.400000,0.600000,9\n",
        )?;
        fs::write(
            results.join("tests.csv"),
            "experiment,dataset,split,outcomes,pool,subset,embedder,router,baseline,seed,metric,difference,ci_low,ci_high,p_value,n\n\
             main,beir:</script><s>,query,all,candidates,all,static,<u>,dense,mean-of-1,ndcg@5,0.100000,0.000000,0.200000,0.010000,9\n",
        )?;
        fs::write(
            results.join("manifest.json"),
            r#"{"experiment": "main", "datasets": {}}"#,
        )?;
        fs::write(
            results.join("README.md"),
            "# main\n\n## Answer\n\nYes: <img src=x>\n",
        )?;
        Ok(root)
    }

    #[test]
    fn holds_the_committed_numbers() -> Result<()> {
        let page = html_of(root()?)?;
        assert!(page.len() < 4 << 20, "{} bytes", page.len());
        let data = data(&page)?;
        let csv = fs::read_to_string(root()?.join("results/main/metrics.csv"))?;
        let labels = ["metatool", "query", "candidates", "minilm", "all"];
        let tables = data["tables"].as_array().context("tables")?;
        let table = tables
            .iter()
            .find(|table| table[0] == Value::from(labels.to_vec()));
        let rows = table.context("the default table")?[1]
            .as_array()
            .context("rows")?;
        let routers = data["routers"].as_array().context("routers")?;
        let metrics = data["metrics"].as_array().context("metrics")?;
        for (router, embedder) in [("oats-s1", "minilm"), ("bm25", "none")] {
            let number = routers.iter().position(|known| known[0] == router);
            let row = rows.iter().find(|row| row["router"] == Value::from(number));
            let row = row.context("the router's row")?;
            for (metric, title) in [("ndcg@5", "NDCG@5"), ("recall@1", "Recall@1")] {
                let start = format!(
                    "main,metatool,query,all,candidates,all,{embedder},{router},mean-of-5,{metric},"
                );
                let line = csv.lines().find_map(|line| line.strip_prefix(&start));
                let numbers: Vec<f64> = line
                    .context("a committed row")?
                    .split(',')
                    .take(3)
                    .map(str::parse)
                    .collect::<Result<_, _>>()?;
                let place = metrics.iter().position(|known| known == title);
                let place = place.context("the metric")?;
                assert_eq!(row["metrics"][place], Value::from(numbers), "{start}");
            }
        }
        Ok(())
    }

    #[test]
    fn has_every_experiment_and_figure() -> Result<()> {
        let page = html_of(root()?)?;
        for file in files(&root()?.join("experiments"), "toml")? {
            let name = file_name(&file).replace(".toml", "");
            assert!(
                page.contains(&format!("id=\"experiment-{name}\"")),
                "{name}"
            );
        }
        let mut figures = 0;
        for entry in fs::read_dir(root()?.join("results"))? {
            let folder = entry?.path();
            if folder.is_dir() {
                for figure in files(&folder, "svg")? {
                    let link = format!("href=\"{}/{}\"", file_name(&folder), file_name(&figure));
                    assert!(page.contains(&link), "{link}");
                    figures += 1;
                }
            }
        }
        assert_eq!(page.matches("src=\"data:image/svg+xml,").count(), figures);
        Ok(())
    }

    #[test]
    fn is_the_same_bytes_twice() -> Result<()> {
        assert!(html_of(root()?)? == html_of(root()?)?);
        Ok(())
    }

    #[test]
    fn markup_in_results_is_text() -> Result<()> {
        let root = small_workspace()?;
        let page = html_of(root.path())?;
        assert_eq!(
            data(&page)?["tables"][0][0][0],
            Value::from("beir:</script><s>")
        );
        for markup in ["<s>", "<u>", "<b>so", "<img src=x>"] {
            assert!(!page.contains(markup), "{markup}");
        }
        assert!(page.contains("beir:&lt;/script&gt;&lt;s&gt;"));
        assert!(page.contains("Is 1 &lt; 2 &amp; &lt;b&gt;so&lt;/b&gt;?"));
        Ok(())
    }

    #[test]
    fn what_is_missing_or_broken_is_named() -> Result<()> {
        for file in ["metrics.csv", "tests.csv", "manifest.json", "README.md"] {
            let root = small_workspace()?;
            let path = root.path().join("results/main").join(file);
            let told = |what: &str| match html_of(root.path()) {
                Ok(_) => bail!("{what} {file} is not noticed"),
                Err(error) => Ok(format!("{error:#}")),
            };
            fs::write(&path, [0xff, 0xfe])?;
            assert!(told("a broken")?.contains(file));
            fs::remove_file(&path)?;
            assert!(told("a missing")?.contains(file));
        }
        Ok(())
    }

    #[test]
    fn parts_are_not_templates() -> Result<()> {
        let filled = fill("a {{one}} b", &[("one", "{{two}}".to_owned())])?;
        assert_eq!(filled, "a {{two}} b");
        assert!(fill("{{two}}", &[("one", String::new())]).is_err());
        Ok(())
    }
}
