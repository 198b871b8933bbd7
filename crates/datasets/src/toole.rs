//! ToolE, the full table of single-tool queries that MetaTool draws from.
//!
//! The table comes without candidate lists. Those of MetaTool's similar-choices subtask depend on
//! the tool only, so each query gets the list that the subtask offers for the same tool.

use std::collections::HashMap;

use crate::{
    Benchmark, Error, Query, Sources, ToolId,
    catalogue::Catalogue,
    file::SourceFile,
    metatool::{self, Record},
    pinned::{PLUGINS, SIMILAR_CHOICES, SINGLE_TOOL, TOOLE},
};

pub(crate) fn load(sources: &Sources) -> Result<Benchmark, Error> {
    let mut obtained = sources.obtain(&TOOLE)?;
    let catalogue = metatool::catalogue(obtained.file(PLUGINS))?;
    let (lists, differing) = lists_by_tool(obtained.file(SIMILAR_CHOICES), &catalogue)?;

    let table = obtained.file(SINGLE_TOOL);
    let mut queries = Vec::new();
    for row in table.table(b',', ["Query", "Tool"])? {
        let (spot, [text, tool]) = row?;
        let tool = catalogue.id(&tool, spot)?;
        let candidates = lists.get(&tool).cloned().ok_or_else(|| {
            spot.bad(format_args!(
                "no record of {SIMILAR_CHOICES} offers tools for this tool"
            ))
        })?;
        queries.push(Query {
            id: spot.query_id(),
            text: spot.query_text(text)?,
            relevant: vec![(tool, 1)],
            candidates,
            subsets: vec![0],
            scenario: None,
        });
    }

    obtained.provenance.notes.push(
        "candidates are the tools that MetaTool's similar-choices subtask offers for the same tool"
            .to_owned(),
    );
    if differing > 0 {
        obtained.provenance.notes.push(format!(
            "{differing} records of the subtask offer another list than the first record of their \
             tool, which was taken"
        ));
    }
    Benchmark::new(
        TOOLE.dataset,
        catalogue.into_tools(),
        queries,
        vec!["all".to_owned()],
        obtained.provenance,
    )
}

/// The first list that the subtask offers for each tool, and how many records offer another one.
fn lists_by_tool(
    file: &SourceFile,
    catalogue: &Catalogue,
) -> Result<(HashMap<ToolId, Vec<ToolId>>, usize), Error> {
    let mut lists: HashMap<ToolId, Vec<ToolId>> = HashMap::new();
    let mut differing = 0;
    for (index, record) in file.json::<Vec<Record>>()?.into_iter().enumerate() {
        let instance = record.resolve(catalogue, file.item("record", index))?;
        for label in instance.labels {
            let list = lists
                .entry(label)
                .or_insert_with(|| instance.candidates.clone());
            differing += usize::from(*list != instance.candidates);
        }
    }
    Ok((lists, differing))
}
