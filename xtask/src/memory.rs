//! The memory it takes to serve: that of `cargo xtask route` in a process of its own.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

use anyhow::{Context, Error, Result, bail, ensure};
use oats_datasets::Dataset;
use oats_harness::{EmbedderKind, PeakMemory, peak_resident};
use oats_routers::RouterSpec;
use serde_json::json;

use crate::one_line;

/// Starts `route --jsonl` with the places that this command looks in.
pub(crate) struct RouteProcess {
    /// Options that name the places.
    pub places: Vec<OsString>,
}

impl PeakMemory for RouteProcess {
    fn peak(
        &self,
        dataset: &Dataset,
        embedder: Option<EmbedderKind>,
        router: &RouterSpec,
        texts: &[&str],
    ) -> Result<u64, String> {
        let by_default = RouterSpec::by_kind(router.kind());
        if by_default.is_ok_and(|default| default != *router) {
            return Err("`route` has routers with their default settings only".to_owned());
        }
        let embedder = embedder.unwrap_or(EmbedderKind::Static).to_string();
        let dataset = dataset.to_string();
        let options = [
            "route",
            "--jsonl",
            "--dataset",
            &dataset,
            "--embedder",
            &embedder,
            "--router",
            router.kind(),
        ];
        self.serve(&options, texts)
            .map_err(|error| one_line(&error))
    }
}

impl RouteProcess {
    fn serve(&self, options: &[&str], texts: &[&str]) -> Result<u64> {
        let executable = env::current_exe().context("this program cannot be found")?;
        let mut process = Command::new(executable)
            .args(options)
            .args(&self.places)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("`route` cannot be started")?;
        let peak = ask(&mut process, texts);
        // It ends at the end of its input; the peak was read before.
        drop(process.stdin.take());
        let ended = process.wait().context("`route` cannot be waited for")?;
        let peak = peak?;
        ensure!(ended.success(), "`route` ended with {ended}");
        Ok(peak)
    }
}

/// Has every text answered, and reads how much memory that took at most.
fn ask(process: &mut Child, texts: &[&str]) -> Result<u64> {
    let (Some(input), Some(output)) = (&mut process.stdin, &mut process.stdout) else {
        bail!("`route` has no input or output");
    };
    let mut answers = BufReader::new(output);
    let mut answer = String::new();
    for text in texts {
        writeln!(input, "{}", json!({ "text": text })).context("`route` reads no more")?;
        answer.clear();
        let read = answers.read_line(&mut answer)?;
        ensure!(read > 0, "`route` ended before its last answer");
    }
    peak_resident(Some(process.id())).map_err(Error::msg)
}
