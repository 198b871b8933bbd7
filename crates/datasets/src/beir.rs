//! Folders in the layout of BEIR and MTEB, for sets of your own.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
};

use serde::Deserialize;

use crate::{
    Error, Problems, Query, SourceFile, ToolId,
    catalogue::Catalogue,
    file::Spot,
    reading::{Folder, Reading},
};

/// What a folder is known by.
pub(crate) const CORPUS: &str = "corpus.jsonl";

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

pub(crate) fn read(folder: &Path) -> Result<Reading, Problems> {
    let mut problems = Problems::default();
    let corpus = problems.keep(SourceFile::read(folder, CORPUS, LAYOUT.to_owned()));
    let requests = problems.keep(SourceFile::read(folder, "queries.jsonl", LAYOUT.to_owned()));
    let qrels = problems.keep(qrels(folder));
    let (Some(corpus), Some(requests), Some(qrels)) = (corpus, requests, qrels) else {
        return Err(problems);
    };

    let mut catalogue = Catalogue::default();
    for document in corpus.json_lines::<Document>() {
        let added = document.and_then(|(spot, Document { id, title, text })| {
            let description = format!("{} {}", title.trim(), text.trim());
            catalogue.add(id, description.trim().to_owned(), spot)
        });
        problems.keep(added);
    }
    let (mut queries, positions) = unlabelled(&requests, &mut problems);
    let is_whole = problems.is_empty();
    let mut subsets = vec!["all".to_owned()];
    for (name, file) in &qrels {
        let mut labelling = Labelling {
            queries: &mut queries,
            positions: &positions,
            catalogue: &catalogue,
            is_whole,
            subset: subsets.len(),
            judged: HashSet::new(),
        };
        let rows = problems.keep(file.table(b'\t', ["query-id", "corpus-id", "score"]));
        for row in rows.into_iter().flatten() {
            problems.keep(row.and_then(|(spot, row)| labelling.judge(row, spot)));
        }
        subsets.push(name.clone());
    }
    if problems.is_empty() && queries.iter().all(|query| query.relevant.is_empty()) {
        let problem = "no query has a positive score in qrels/";
        return Err(requests.bad("whole file", problem).into());
    }
    if !problems.is_empty() {
        return Err(problems);
    }

    let judgements = qrels.iter().map(|(_, file)| file);
    let folder = Folder {
        kind: "beir",
        path: folder,
        files: [&corpus, &requests].into_iter().chain(judgements).collect(),
        notes: Vec::new(),
    };
    Ok(folder.reading(catalogue.into_tools(), queries, subsets)?)
}

/// The queries with no right tool yet, and their positions by id.
fn unlabelled(file: &SourceFile, problems: &mut Problems) -> (Vec<Query>, HashMap<String, usize>) {
    let mut queries = Vec::new();
    let mut positions = HashMap::new();
    for request in file.json_lines::<Request>() {
        let query = request.and_then(|(spot, Request { id, text })| {
            let text = spot.query_text(text)?;
            if positions.contains_key(&id) {
                return Err(spot.bad(format_args!("the query id `{id}` stands twice")));
            }
            positions.insert(id.clone(), queries.len());
            Ok(Query {
                id,
                text,
                relevant: Vec::new(),
                candidates: Vec::new(),
                subsets: vec![0],
                scenario: None,
            })
        });
        queries.extend(problems.keep(query));
    }
    (queries, positions)
}

/// Adds what one file of judgements says; a query may be judged in one file only.
struct Labelling<'a> {
    queries: &'a mut [Query],
    positions: &'a HashMap<String, usize>,
    catalogue: &'a Catalogue,
    /// Otherwise what is named may stand on a line that could not be read.
    is_whole: bool,
    subset: usize,
    judged: HashSet<(usize, ToolId)>,
}

impl Labelling<'_> {
    fn judge(&mut self, [query_id, tool, score]: [String; 3], spot: Spot) -> Result<(), Error> {
        let position = self.positions.get(&query_id).copied().ok_or_else(|| {
            spot.bad(format_args!(
                "names the query `{query_id}`, which queries.jsonl does not have"
            ))
        });
        let tool = self.catalogue.id(&tool, spot);
        if !self.is_whole && (position.is_err() || tool.is_err()) {
            return Ok(());
        }
        let (position, tool) = (position?, tool?);
        if !self.judged.insert((position, tool)) {
            return Err(spot.bad("the pair is judged twice"));
        }
        let score: i32 = score
            .trim()
            .parse()
            .map_err(|_| spot.bad(format_args!("the score `{score}` is not a whole number")))?;

        let query = &mut self.queries[position];
        match query.subsets[..] {
            [_, other] if other != self.subset => {
                let problem = format!("the query `{query_id}` is also judged in another file");
                return Err(spot.bad(problem));
            }
            [_, _] => {}
            _ => query.subsets.push(self.subset),
        }
        if score > 0 {
            query.relevant.push((tool, score.unsigned_abs()));
        }
        Ok(())
    }
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
