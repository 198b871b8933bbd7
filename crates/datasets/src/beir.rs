//! Folders in the layout of BEIR and MTEB, for sets of your own.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
};

use serde::Deserialize;

use crate::{
    Benchmark, Error, Provenance, Query, SourceFile, catalogue::Catalogue, provenance::Origin,
};

const LAYOUT: &str = "correct the folder after BEIR's layout: corpus.jsonl with _id, title and \
                      text; queries.jsonl with _id and text; qrels/*.tsv with query-id, corpus-id \
                      and score";

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    title: String,
    text: String,
}

#[derive(Deserialize)]
struct Request {
    #[serde(rename = "_id")]
    id: String,
    text: String,
}

pub(crate) fn load(folder: &Path) -> Result<Benchmark, Error> {
    let corpus = SourceFile::read(folder, "corpus.jsonl", LAYOUT.to_owned())?;
    let requests = SourceFile::read(folder, "queries.jsonl", LAYOUT.to_owned())?;
    let qrels = qrels(folder)?;

    let mut catalogue = Catalogue::default();
    for document in corpus.json_lines::<Document>() {
        let (spot, Document { id, title, text }) = document?;
        let description = format!("{} {}", title.trim(), text.trim());
        catalogue.add(id, description.trim().to_owned(), spot)?;
    }

    let (mut queries, positions) = unlabelled(&requests)?;
    let mut subsets = vec!["all".to_owned()];
    for (name, file) in &qrels {
        label(&mut queries, &positions, &catalogue, file, subsets.len())?;
        subsets.push(name.clone());
    }
    let all = queries.len();
    queries.retain(|query| !query.relevant.is_empty());
    if queries.is_empty() {
        return Err(requests.bad("whole file", "no query has a positive score in qrels/"));
    }

    let mut provenance = Provenance {
        origin: Origin::Folder,
        repository: None,
        commit: None,
        licence: None,
        files: vec![corpus.record().clone(), requests.record().clone()],
        notes: Vec::new(),
    };
    let judgements = qrels.iter().map(|(_, file)| file.record().clone());
    provenance.files.extend(judgements);
    if queries.len() < all {
        provenance.notes.push(format!(
            "{} of {all} queries have no positive score and were left out",
            all - queries.len()
        ));
    }
    let tools = catalogue.into_tools();
    Benchmark::new(name_of(folder), tools, queries, subsets, provenance)
}

/// The queries with no right tool yet, and their positions by id.
fn unlabelled(file: &SourceFile) -> Result<(Vec<Query>, HashMap<String, usize>), Error> {
    let mut queries = Vec::new();
    let mut positions = HashMap::new();
    for request in file.json_lines::<Request>() {
        let (spot, Request { id, text }) = request?;
        if positions.insert(id.clone(), queries.len()).is_some() {
            return Err(spot.bad(format_args!("the query id `{id}` stands twice")));
        }
        queries.push(Query {
            id,
            text: spot.query_text(text)?,
            relevant: Vec::new(),
            candidates: Vec::new(),
            subsets: vec![0],
            scenario: None,
        });
    }
    Ok((queries, positions))
}

/// Adds what one file of judgements says; a query may be judged in one file only.
fn label(
    queries: &mut [Query],
    positions: &HashMap<String, usize>,
    catalogue: &Catalogue,
    file: &SourceFile,
    subset: usize,
) -> Result<(), Error> {
    let mut judged = HashSet::new();
    for (line, [query_id, tool, score]) in file.table(b'\t', ["query-id", "corpus-id", "score"])? {
        let spot = file.line(line);
        let position = *positions.get(&query_id).ok_or_else(|| {
            spot.bad(format_args!(
                "names the query `{query_id}`, which queries.jsonl does not have"
            ))
        })?;
        let tool = catalogue.id(&tool, spot)?;
        if !judged.insert((position, tool)) {
            return Err(spot.bad("the pair is judged twice"));
        }
        let score: i32 = score
            .trim()
            .parse()
            .map_err(|_| spot.bad(format_args!("the score `{score}` is not a whole number")))?;

        let query = &mut queries[position];
        match query.subsets[..] {
            [_, other] if other != subset => {
                let problem = format!("the query `{query_id}` is also judged in another file");
                return Err(spot.bad(problem));
            }
            [_, _] => {}
            _ => query.subsets.push(subset),
        }
        if score > 0 {
            query.relevant.push((tool, score.unsigned_abs()));
        }
    }
    Ok(())
}

/// Every `qrels/*.tsv` with its stem, sorted by name.
fn qrels(folder: &Path) -> Result<Vec<(String, SourceFile)>, Error> {
    let qrels = folder.join("qrels");
    let unreadable = |reason| Error::Unreadable {
        path: qrels.clone(),
        reason,
        remedy: LAYOUT.to_owned(),
    };
    let mut stems = Vec::new();
    for entry in std::fs::read_dir(&qrels).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(".tsv")) {
            stems.push(stem.to_owned());
        }
    }
    if stems.is_empty() {
        let reason = io::Error::new(io::ErrorKind::NotFound, "no .tsv file in it");
        return Err(unreadable(reason));
    }
    stems.sort();
    stems
        .into_iter()
        .map(|stem| {
            let file = SourceFile::read(folder, &format!("qrels/{stem}.tsv"), LAYOUT.to_owned())?;
            if stem == "all" {
                return Err(file.bad("file name", "`all` is the union of all files of judgements"));
            }
            Ok((stem, file))
        })
        .collect()
}

fn name_of(folder: &Path) -> String {
    let full = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = full.file_name().unwrap_or(full.as_os_str());
    format!("beir:{}", name.to_string_lossy())
}
