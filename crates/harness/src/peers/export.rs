//! What peers are given: a folder with the texts, the words, the labels, the vectors and the model.

use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use ndarray::{ArrayView2, Axis};
use oats_datasets::{Benchmark, ToolId};
use oats_embedders::ModelSources;
use oats_routers::{
    baselines::{Bm25, Bm25Params},
    controls::LinearParams,
    oats::S1Params,
};
use serde::Serialize;

use super::{K, Part, ours::Learning};
use crate::{Available, Error, write_whole};

/// The folder's `data.json`.
#[derive(Serialize)]
struct Data<'a> {
    k: NonZeroUsize,
    /// Texts, at the tools' ids.
    tools: Vec<&'a str>,
    /// Texts of the timed queries.
    queries: &'a [&'a str],
    /// The same as `bm25` reads them.
    tool_words: Vec<Vec<String>>,
    query_words: Vec<Vec<String>>,
    k1: f32,
    b: f32,
    s1: S1,
    linear: LinearParams,
    /// sentence-transformers' folder of the model, if it is at hand.
    model: Option<&'a Path>,
    /// Of the matrices, `NAME.f32`: float32, little-endian, a row after the other. `tools`, `queries` (the
    /// timed ones), and the queries of each part.
    dimension: usize,
    /// By part, the pairs of a row and a right tool.
    labels: BTreeMap<Part, Vec<(usize, ToolId)>>,
}

/// The settings of Stage 1 that a peer knows.
#[derive(Serialize)]
struct S1 {
    alpha: f32,
    beta: f32,
    rounds: usize,
    top_k: usize,
}

/// Writes the folder. Without vectors to learn from there are no matrices and no labels.
pub(super) fn export(
    folder: &Path,
    benchmark: &Benchmark,
    queries: &[&str],
    model: Option<&Path>,
    learning: Option<&Learning<'_>>,
) -> Result<(), Error> {
    let tools: Vec<&str> = benchmark
        .tools()
        .iter()
        .map(|tool| tool.text.as_str())
        .collect();
    let words = |texts: &[&str]| texts.iter().map(|text| Bm25::words(text)).collect();
    let (bm25, s1) = (Bm25Params::default(), S1Params::default());
    let mut data = Data {
        k: K,
        tool_words: words(&tools),
        query_words: words(queries),
        tools,
        queries,
        k1: bm25.k1,
        b: bm25.b,
        s1: S1 {
            alpha: s1.alpha,
            beta: s1.beta,
            rounds: s1.rounds,
            top_k: s1.top_k,
        },
        linear: LinearParams::default(),
        model,
        dimension: 0,
        labels: BTreeMap::new(),
    };
    if let Some(learning) = learning {
        data.dimension = learning.tools().ncols();
        write_matrix(folder, "tools", learning.tools())?;
        write_matrix(folder, "queries", learning.timed())?;
        for (part, name) in [(Part::Training, "training"), (Part::All, "all")] {
            let training = learning.training(part);
            write_matrix(folder, name, training.query_embeddings)?;
            let labels = training
                .queries
                .iter()
                .enumerate()
                .flat_map(|(row, query)| query.relevant.iter().map(move |&(tool, _)| (row, tool)));
            data.labels.insert(part, labels.collect());
        }
    }
    write_whole(&folder.join("data.json"), |out| {
        Ok(serde_json::to_writer(out, &data)?)
    })
}

fn write_matrix(folder: &Path, name: &str, rows: ArrayView2<'_, f32>) -> Result<(), Error> {
    write_whole(&folder.join(format!("{name}.f32")), |out| {
        for row in rows.axis_iter(Axis(0)) {
            let bytes: Vec<u8> = row.iter().flat_map(|x| x.to_le_bytes()).collect();
            out.write_all(&bytes)?;
        }
        Ok(())
    })
}

/// What sentence-transformers wants beside the model's own files, as upstream has it.
const AROUND: [(&str, &str); 4] = [
    (
        "modules.json",
        r#"[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
 {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
 {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#,
    ),
    (
        "sentence_bert_config.json",
        r#"{"max_seq_length": 256, "do_lower_case": false}"#,
    ),
    (
        "1_Pooling/config.json",
        r#"{"word_embedding_dimension": 384, "pooling_mode_mean_tokens": true}"#,
    ),
    (
        "tokenizer_config.json",
        r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "model_max_length": 512}"#,
    ),
];

/// Makes a folder of the model that sentence-transformers can load, in `folder`; or says why it cannot.
///
/// # Errors
/// A file that cannot be copied.
pub(super) fn model_folder(
    models: &ModelSources,
    folder: &Path,
) -> Result<Available<PathBuf>, Error> {
    let model = folder.join("all-MiniLM-L6-v2");
    for name in ["tokenizer.json", "config.json", "model.safetensors"] {
        let file = match models.model_file(name) {
            Ok(file) => file,
            Err(error) if error.is_unavailable() => return Ok(Err(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        fs::create_dir_all(&model).map_err(Error::io("make", &model))?;
        fs::copy(&file, model.join(name)).map_err(Error::io("copy", &file))?;
    }
    for (name, content) in AROUND {
        write_whole(&model.join(name), |out| out.write_all(content.as_bytes()))?;
    }
    Ok(Ok(model))
}
