//! Shards of `reproduce`: one computed, and all of them read to be merged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use oats_harness::{
    Left, Manifest, Shard, Sharing, Skip, Sources, Study, Written, program_checksum,
    rows::{Row, rows_in},
    write_whole,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Ending,
    options::{Extent, Opened, make_out},
    study::{Ran, read_all},
    work::Work,
    workspace,
};

/// What says, in a shard's folder, that the shard is done, and of what it is one.
pub(crate) const FILE: &str = "shard.json";

/// A shard that is done. Its cells are in `cells/` beside this, and experiments of other kinds, which are
/// one shard's as a whole, in folders of their own.
#[derive(Serialize, Deserialize)]
struct Part {
    shard: Shard,
    /// Checksum of the program that computed it.
    program: String,
    work: Work,
    /// Checksum of the experiments, as they were run.
    experiments: String,
    /// By experiment, what could not be had.
    left_out: BTreeMap<String, Vec<Skip>>,
    /// What its cells are made from.
    sources: Sources,
    /// The files of whole experiments, and their checksums.
    files: BTreeMap<PathBuf, String>,
}

/// `reproduce --shard`.
pub(crate) fn compute(
    work: &Work,
    shard: Shard,
    out: Option<&Path>,
    mut opened: Opened,
) -> Result<Ending> {
    let studies = restricted(work)?;
    let default = format!("target/shards/{}-of-{}", shard.number(), shard.of());
    let out = workspace::out_or(out, &default)?;
    begin(&out, shard)?;
    make_out(&out)?;
    let mut part = Part {
        shard,
        program: program_checksum()?.to_owned(),
        work: work.clone(),
        experiments: checksum_of(&studies),
        left_out: BTreeMap::new(),
        sources: Sources::new(),
        files: BTreeMap::new(),
    };

    let sharing = Sharing::compute(shard);
    opened.sharing = Some(sharing.clone());
    let extent = Extent {
        // What queries scored is written where rows are.
        scores: false,
        ..work.extent.clone()
    };
    let mut failed_cells = 0;
    for study in &studies {
        let has_cells = matches!(study, Study::Ranking(_));
        if study.reads_others() || !has_cells && sharing.owner(study.name()) != shard {
            continue;
        }
        eprintln!("{}: {}", study.name(), study.question().trim_start());
        let made = extent.run(study, &opened, &out, &|name| out.join(name))?;
        failed_cells += made.failed_cells();
        let name = study.name().to_owned();
        part.left_out.insert(name, made.skipped().to_vec());
        if !has_cells && !made.is_empty() {
            part.add_files(&out, made.folder())?;
        }
    }
    part.sources = sharing.sources();
    let file = out.join(FILE);
    let text = serde_json::to_string_pretty(&part)?;
    write_whole(&file, |to| to.write_all(text.as_bytes()))?;
    if failed_cells > 0 {
        println!(
            "{failed_cells} {} failed; the reasons are above, and merge tells them too: it leaves out the rows of \
             these routers, writes all others and ends with exit code 2",
            if failed_cells == 1 { "cell" } else { "cells" }
        );
    }
    println!(
        "Shard {shard} is done: {}. When all {} are, join them: cargo xtask merge FOLDER…",
        out.display(),
        shard.of()
    );
    Ok(Ending::Fine)
}

/// The experiments as they are to be run.
fn restricted(work: &Work) -> Result<Vec<Study>> {
    let all = read_all(&workspace::root()?.join("experiments"))?;
    work.extent.restrict(work.choose(all)?)
}

fn checksum_of(studies: &[Study]) -> String {
    checksum(format!("{studies:?}").as_bytes())
}

fn checksum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Takes back what an earlier run of the same shard said in `out`.
///
/// # Errors
/// Another shard was computed into it.
fn begin(out: &Path, shard: Shard) -> Result<()> {
    let file = out.join(FILE);
    if !file.exists() {
        return Ok(());
    }
    let other = Part::read(out)?.shard;
    ensure!(
        other == shard,
        "{}: this folder holds shard {other}; give shard {shard} a folder of its own with --out",
        out.display()
    );
    fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))
}

impl Part {
    fn read(folder: &Path) -> Result<Self> {
        let file = folder.join(FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => bail!(
                "{}: there is no {FILE}: it is no shard's folder, or the shard is not done; start the same \
                 command again, which goes on where it stopped",
                folder.display()
            ),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", file.display()));
            }
        };
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{}: this is not what a shard of this version writes; run the shard again",
                file.display()
            )
        })
    }

    /// The experiment's files, which no other shard has.
    fn add_files(&mut self, out: &Path, folder: &Path) -> Result<()> {
        let cannot_read = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(folder).with_context(cannot_read)? {
            let path = entry.with_context(cannot_read)?.path();
            if path.is_file() {
                let bytes = fs::read(&path).with_context(cannot_read)?;
                let name = path.strip_prefix(out)?.to_owned();
                self.files.insert(name, checksum(&bytes));
            }
        }
        Ok(())
    }
}

/// All shards of a run, in order, each with its folder.
pub(crate) struct Parts(Vec<(PathBuf, Part)>);

impl Parts {
    /// Reads the shards in these folders.
    ///
    /// # Errors
    /// One is missing or there twice, was computed by another program or with other options, or left out
    /// what another did not.
    pub(crate) fn read(folders: &[PathBuf]) -> Result<Self> {
        let mut parts: Vec<(PathBuf, Part)> = Vec::new();
        for folder in folders {
            parts.push((folder.clone(), Part::read(folder)?));
        }
        parts.sort_by_key(|(_, part)| part.shard);
        let (first_folder, first) = parts.first().context("no shard's folder is given")?;
        for (folder, part) in &parts {
            let folder = folder.display();
            ensure!(
                part.program == program_checksum()?,
                "{folder}: shard {} was computed by another program than this; merge with the one that computed \
                 it, or run the shard again with this one: build once, and share what was built",
                part.shard
            );
            let both = format!("{folder} and {}", first_folder.display());
            ensure!(
                part.shard.of() == first.shard.of(),
                "{both} are not of one run: shard {} and shard {}",
                part.shard,
                first.shard
            );
            ensure!(
                part.work == first.work,
                "{both} are not of one run: {} and {}",
                part.work,
                first.work
            );
            ensure!(
                part.experiments == checksum_of(&restricted(&part.work)?),
                "{folder}: shard {} was computed of other experiments than experiments/ has now; run it again",
                part.shard
            );
        }
        for pair in parts.windows(2) {
            let [(one, part), (other, next)] = pair else {
                continue;
            };
            ensure!(
                part.shard != next.shard,
                "{} and {} are both shard {}; name one of them",
                one.display(),
                other.display(),
                part.shard
            );
        }
        let there: BTreeSet<Shard> = parts.iter().map(|(_, part)| part.shard).collect();
        let missing: Vec<String> = Shard::all(first.shard.of())
            .filter(|shard| !there.contains(shard))
            .map(|shard| shard.to_string())
            .collect();
        ensure!(
            missing.is_empty(),
            "missing: shard {}; name its folder too, or compute it: cargo xtask reproduce --shard {} with {}",
            missing.join(", "),
            missing[0],
            first.work
        );
        Ok(Self(parts))
    }

    /// What all of them are a part of.
    pub(crate) fn work(&self) -> &Work {
        &self.0[0].1.work
    }

    /// How cells are taken from them.
    pub(crate) fn sharing(&self) -> Sharing {
        let left = |shard: Shard| {
            let (folder, part) = &self.0[shard.number() - 1];
            Left {
                folder: folder.clone(),
                sources: part.sources.clone(),
            }
        };
        Sharing::join(self.0[0].1.shard.of(), left)
    }

    /// The experiment's rows: of the shards' cells, or else brought from the shard that had all of it.
    pub(crate) fn made<'a>(
        &self,
        study: &'a Study,
        opened: &Opened,
        sharing: &Sharing,
        out: &Path,
        others: &dyn Fn(&str) -> PathBuf,
    ) -> Result<Ran<'a>> {
        let brought = || sharing.owner(study.name());
        Ok(match study {
            Study::Ranking(_) => {
                let made = self.work().extent.run(study, opened, out, others)?;
                self.left_out_the_same(study, made.skipped())?;
                made
            }
            Study::Frontier(_) | Study::Serving(_) => {
                self.work().extent.run(study, opened, out, others)?
            }
            Study::Costs(costs) => Ran::Costs(costs, self.bring(study, brought(), out)?),
            Study::Latency(latency) => Ran::Latency(latency, self.bring(study, brought(), out)?),
            Study::Scaling(scaling) => Ran::Scaling(scaling, self.bring(study, brought(), out)?),
            Study::Geometry(geometry) => {
                Ran::Geometry(geometry, self.bring(study, brought(), out)?)
            }
        })
    }

    /// Where a machine lacked a data set or a model that another had, the rows are not one run's.
    fn left_out_the_same(&self, study: &Study, here: &[Skip]) -> Result<()> {
        let first_of = |some: &[Skip], not_of: &[Skip]| -> Option<String> {
            // A cell failed where it was computed; that is told of all of them, when they are joined.
            let mut some = some.iter().filter(|skip| skip.failed_cells == 0);
            // What is said of it may name a machine's folders.
            let same = |one: &Skip, other: &Skip| {
                let reason = other.reason.clone();
                Skip {
                    reason,
                    ..one.clone()
                } == *other
            };
            let found = some.find(|skip| !not_of.iter().any(|other| same(skip, other)));
            found.map(|skip| skip.reason.clone())
        };
        for (folder, part) in &self.0 {
            let there = part.left_out.get(study.name());
            let there = there.map_or(&[][..], Vec::as_slice);
            let shard = format!("shard {} ({})", part.shard, folder.display());
            if let Some(reason) = first_of(here, there) {
                bail!(
                    "{}: left out here, but not by {shard}: {reason}",
                    study.name()
                );
            }
            if let Some(reason) = first_of(there, here) {
                bail!(
                    "{}: left out by {shard}, but not here: {reason}; run that shard again",
                    study.name()
                );
            }
        }
        Ok(())
    }

    fn bring<R: Row>(&self, study: &Study, shard: Shard, out: &Path) -> Result<Written<R>> {
        let (from, part) = &self.0[shard.number() - 1];
        let folder = out.join(study.name());
        let mine = part
            .files
            .iter()
            .filter(|(file, _)| file.starts_with(study.name()));
        let mut rows = Vec::new();
        for (file, expected) in mine {
            let path = from.join(file);
            let bytes = fs::read(&path).with_context(|| {
                format!(
                    "cannot read {}; copy it again, or run shard {shard} again",
                    path.display()
                )
            })?;
            ensure!(
                checksum(&bytes) == *expected,
                "{}: it is not what shard {shard} wrote; copy it again, or run the shard again",
                path.display()
            );
            write_whole(&out.join(file), |to| to.write_all(&bytes))?;
            if file.ends_with(R::FILE) {
                rows = rows_in(&folder)?;
            }
        }
        let manifest = match rows.is_empty() {
            true => None,
            false => Manifest::read(&folder.join("manifest.json"))?,
        };
        let skipped = part.left_out.get(study.name());
        Ok(Written {
            rows,
            manifest: manifest.unwrap_or_else(|| Manifest {
                experiment: study.name().to_owned(),
                datasets: BTreeMap::new(),
            }),
            skipped: skipped.cloned().unwrap_or_default(),
            folder,
        })
    }
}
