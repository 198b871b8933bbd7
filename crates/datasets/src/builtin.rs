//! The set that is compiled in: everyday requests to 98 tools of 14 domains.
//!
//! Written for this project, so that a machine with neither data nor network runs the main job.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use crate::{
    Benchmark, Error, Provenance, Query, SourceFile, ToolId, catalogue::Catalogue,
    provenance::Origin,
};

/// Candidates per query.
const CANDIDATES: usize = 10;
/// Seed of the candidate lists; another one makes another benchmark.
const SEED: u64 = 260_313_426;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../builtin/", $name, ".toml")))),*]
    };
}

const DOMAINS: [(&str, &str); 14] = files![
    "calendar",
    "email",
    "files",
    "code",
    "data",
    "finance",
    "documents",
    "travel",
    "weather-maps",
    "health",
    "shopping",
    "media",
    "home",
    "social",
];
const TWO_TOOLS: [(&str, &str); 3] = files!["two-tools-a", "two-tools-b", "two-tools-c"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Domain {
    domain: String,
    tool: Vec<ToolEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolEntry {
    name: String,
    description: String,
    /// The description is a slogan, as those of real plugin stores often are.
    #[serde(default)]
    vague: bool,
    queries: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TwoTools {
    query: Vec<TwoToolQuery>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TwoToolQuery {
    text: String,
    tools: [String; 2],
}

const SUBSETS: [&str; 5] = [
    "all",
    "single-tool",
    "two-tools",
    "clear-description",
    "vague-description",
];

pub(crate) fn load() -> Result<Benchmark, Error> {
    let mut files = Vec::new();
    let mut catalogue = Catalogue::default();
    let mut domains: Vec<Vec<ToolId>> = Vec::new();
    let mut queries = Vec::new();

    for (name, text) in DOMAINS {
        let file = compiled_in(name, text)?;
        let Domain {
            domain,
            tool: entries,
        } = file.toml()?;
        let mut members = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let spot = file.item("tool", index);
            let tool = catalogue.add(entry.name.clone(), entry.description, spot)?;
            members.push(tool);
            for (number, text) in entry.queries.into_iter().enumerate() {
                queries.push(Query {
                    id: format!("{domain}/{}/{number:02}", entry.name),
                    text: spot.query_text(text)?,
                    relevant: vec![(tool, 1)],
                    candidates: Vec::new(),
                    subsets: vec![0, 1, if entry.vague { 4 } else { 3 }],
                    scenario: None,
                });
            }
        }
        domains.push(members);
        files.push(file);
    }

    for (name, text) in TWO_TOOLS {
        let file = compiled_in(name, text)?;
        for (index, query) in file.toml::<TwoTools>()?.query.into_iter().enumerate() {
            let spot = file.item("query", index);
            let [first, second] = &query.tools;
            let tools = [catalogue.id(first, spot)?, catalogue.id(second, spot)?];
            if first == second {
                return Err(spot.bad(format_args!("names the tool `{first}` twice")));
            }
            queries.push(Query {
                id: format!("{name}/{index:02}"),
                text: spot.query_text(query.text)?,
                relevant: tools.map(|tool| (tool, 1)).to_vec(),
                candidates: Vec::new(),
                subsets: vec![0, 2],
                scenario: None,
            });
        }
        files.push(file);
    }

    for (index, query) in queries.iter_mut().enumerate() {
        let right: Vec<ToolId> = query.relevant.iter().map(|&(tool, _)| tool).collect();
        query.candidates = candidates(&right, &domains, index as u64);
    }
    Benchmark::new(
        "builtin",
        catalogue.into_tools(),
        queries,
        SUBSETS.map(String::from).to_vec(),
        Provenance {
            origin: Origin::CompiledIn,
            repository: None,
            commit: None,
            licence: Some(env!("CARGO_PKG_LICENSE").to_owned()),
            files: files.iter().map(|file| file.record().clone()).collect(),
            notes: Vec::new(),
        },
    )
}

fn compiled_in(name: &str, text: &str) -> Result<SourceFile, Error> {
    let path = format!("crates/datasets/builtin/{name}.toml");
    let remedy = "correct the file and build again".to_owned();
    SourceFile::new(path.clone(), &path, text.as_bytes().to_vec(), remedy)
}

/// Ten tools: the right ones, then one more of each of their domains in turn while there are any,
/// then tools of other domains. Drawn by the query's position and sorted, so that neither the place
/// in the list nor the company tells which tool of a domain is right.
fn candidates(right: &[ToolId], domains: &[Vec<ToolId>], query: u64) -> Vec<ToolId> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    rng.set_stream(query);
    let (mut own, others): (Vec<_>, Vec<_>) = domains
        .iter()
        .cloned()
        .partition(|domain| domain.iter().any(|tool| right.contains(tool)));
    for domain in &mut own {
        domain.retain(|tool| !right.contains(tool));
        domain.shuffle(&mut rng);
    }
    let mut others = others.concat();
    others.shuffle(&mut rng);

    let largest = own.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn =
        (0..largest).flat_map(|turn| own.iter().filter_map(move |domain| domain.get(turn)));
    let mut chosen: Vec<ToolId> = right
        .iter()
        .chain(in_turn)
        .chain(&others)
        .copied()
        .take(CANDIDATES)
        .collect();
    chosen.sort_unstable();
    chosen
}
