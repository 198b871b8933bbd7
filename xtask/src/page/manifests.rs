//! What the results were made from: the manifests of all experiments.

use oats_harness::DatasetEntry;
use serde_json::Value;

use super::{
    Entry,
    markup::{escape, scrolled},
};

/// For each experiment a folded table of its runs.
pub(super) fn tables(entries: &[Entry]) -> String {
    entries.iter().filter_map(table).collect()
}

fn table(entry: &Entry) -> Option<String> {
    let manifest = entry.manifest.as_ref()?;
    let runs = || {
        let datasets = manifest.datasets.iter();
        datasets.flat_map(|(dataset, runs)| runs.iter().map(move |run| (dataset, run)))
    };
    let rows: String = runs().map(|(dataset, run)| row(dataset, run)).collect();
    let checksums: String = runs()
        .map(|(dataset, run)| checksums(dataset, run))
        .collect();
    let seconds: f64 = runs().map(|(_, run)| run.seconds).sum();
    let table = format!(
        "<table><thead><tr><th scope=\"col\">dataset</th><th scope=\"col\">commit</th>\
         <th scope=\"col\">modified</th><th scope=\"col\">embedders</th>\
         <th scope=\"col\">machine</th><th scope=\"col\">seconds</th></tr></thead>\n\
         <tbody>{rows}</tbody></table>"
    );
    Some(format!(
        "<details><summary>{0} <small>{seconds:.0} s</small></summary>\n{1}{2}\
         <p class=\"files\"><a href=\"{0}/manifest.json\">{0}/manifest.json</a></p>\n</details>\n",
        escape(&entry.name),
        scrolled(&format!("runs of {}", entry.name), &table),
        match checksums.as_str() {
            "" => String::new(),
            rows => format!(
                "<details><summary>checksums</summary>{}</details>\n",
                scrolled(
                    &format!("checksums of {}", entry.name),
                    &format!(
                        "<table><thead><tr><th scope=\"col\">of</th><th scope=\"col\">file</th>\
                         <th scope=\"col\">checksum</th><th scope=\"col\">kind</th></tr></thead>\n\
                         <tbody>{rows}</tbody></table>"
                    )
                )
            ),
        }
    ))
}

fn row(dataset: &str, run: &DatasetEntry) -> String {
    let commit = words(&run.code["commit"]);
    let embedders: Vec<String> = run
        .embedders
        .iter()
        .map(|(name, embedder)| format!("{name}: {}", words(&embedder["backend"])))
        .collect();
    let machine = &run.machine;
    let machine = [
        words(&machine["cpu"]),
        words(&machine["os"]),
        words(&machine["arch"]),
        words(&machine["vectors"]),
        format!("{} threads", words(&machine["threads"])),
    ];
    format!(
        "<tr><th scope=\"row\">{}</th><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td>\
         <td>{:.1}</td></tr>\n",
        escape(dataset),
        escape(&commit.chars().take(12).collect::<String>()),
        match &run.code["modified"] {
            Value::Bool(true) => "yes",
            Value::Bool(false) => "no",
            _ => "unknown",
        },
        escape(&embedders.join("; ")),
        escape(&machine.join(", ")),
        run.seconds
    )
}

/// Rows of the files that a run read: the benchmark's, then the embedders'.
fn checksums(dataset: &str, run: &DatasetEntry) -> String {
    let row = |of: &str, file: &Value, sum: &Value, note: &str| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td><code>{}</code></td><td>{note}</td></tr>\n",
            escape(of),
            escape(&words(file)),
            escape(&words(sum))
        )
    };
    let mut rows = String::new();
    for file in list(&run.benchmark["provenance"]["files"]) {
        let note = match &file["upstream"] {
            Value::Bool(true) => "Git blob, upstream's",
            Value::Bool(false) => "Git blob, not upstream's †",
            _ => "Git blob",
        };
        rows += &row(dataset, &file["path"], &file["blob_id"], note);
    }
    for (name, embedder) in &run.embedders {
        for file in list(&embedder["files"]) {
            let of = format!("{dataset}, {name}");
            rows += &row(&of, &file[0], &file[1], "SHA-256");
        }
    }
    rows
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A value of a manifest as a reader says it.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "unknown".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(words).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
