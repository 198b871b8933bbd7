//! `reproduce --shard` and `merge`: the bytes of one run, or a word on what does not belong together.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{
    common::{PLUGINS, Place, Told, experiment, has_python, root},
    frontier, reproduce,
};

/// Computes so many shards into `parts/1`, `parts/2`, …
fn compute(place: &Place, options: &[&str], shards: usize) {
    for number in 1..=shards {
        compute_one(place, options, number, shards);
    }
}

fn compute_one(place: &Place, options: &[&str], number: usize, of: usize) {
    let (shard, out) = (format!("{number}/{of}"), format!("parts/{number}"));
    place.succeed(&[options, &["--shard", &shard, "--out", &out]].concat());
}

/// What is the same of every run, by its place under `out`.
fn files(place: &Place, out: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let of_the_day = |path: &Path| {
        // The page shows the manifests.
        path.ends_with("manifest.json") || path.ends_with("index.html")
    };
    let files = place.files(out).into_iter();
    files
        .map(|(path, bytes)| (path.strip_prefix(out).unwrap().to_owned(), bytes))
        .filter(|(path, _)| !of_the_day(path))
        .collect()
}

#[test]
fn merged_shards_are_the_bytes_of_one_run() {
    let place = frontier::workspace();
    place.copy("experiments/geometry.toml");
    let options = ["reproduce", "--datasets", "builtin", "--seeds", "2"];
    let plain = place.succeed(&[&options[..], &["--out", "plain"]].concat());
    compute(&place, &options, 3);
    let parts = place.files("parts");
    for name in ["costs.csv", "latency.csv", "points.csv"] {
        let count = parts.keys().filter(|path| path.ends_with(name)).count();
        assert_eq!(count, 1, "{name} is one shard's");
    }
    assert!(!parts.keys().any(|path| path.ends_with("metrics.csv")));
    let names: Vec<_> = parts.keys().filter_map(|path| path.file_name()).collect();
    let cells = names
        .iter()
        .filter(|name| Path::new(name).extension() == Some("cell".as_ref()));
    let cells: Vec<_> = cells.collect();
    let distinct: BTreeSet<_> = cells.iter().collect();
    assert!(cells.len() == distinct.len() && cells.len() > 30);

    let merged = place.succeed(&["merge", "parts/3", "parts/1", "parts/2", "--out", "merged"]);
    assert!(place.files("parts") == parts, "the parts stay as they are");
    let (mut one, mut other) = (files(&place, "plain"), files(&place, "merged"));
    assert_eq!(Vec::from_iter(one.keys()), Vec::from_iter(other.keys()));
    // Timings are one shard's, and the frontier is drawn of them.
    let (_, latency) = parts
        .iter()
        .find(|(path, _)| path.ends_with("latency.csv"))
        .unwrap();
    assert!(other[Path::new("latency/latency.csv")] == *latency);
    for files in [&mut one, &mut other] {
        files.retain(|path, _| !path.starts_with("latency") && !path.starts_with("frontier"));
    }
    assert!(one.len() > 12, "{:?}", one.keys());
    for (path, bytes) in &one {
        assert!(other[path] == *bytes, "{}", path.display());
    }
    assert!(place.path("merged/index.html").exists());
    let end = |told: &Told| told.stdout.split("Verdict").nth(1).map(str::to_owned);
    assert!(
        end(&plain).is_some() && end(&plain) == end(&merged),
        "{merged}"
    );

    // What a disk or a copy has damaged is not taken.
    let (costs, bytes) = parts
        .iter()
        .find(|(path, _)| path.ends_with("costs.csv"))
        .unwrap();
    let costs = costs.to_str().unwrap();
    place.write(costs, &bytes[..bytes.len() / 2]);
    let merge = ["merge", "parts/1", "parts/2", "parts/3", "--out", "again"];
    place
        .run(&merge)
        .assert_refused(&[costs, "run the shard again"]);
    assert!(!place.path("again/cost/costs.csv").exists());
    place.write(costs, bytes);
    let cell = parts
        .keys()
        .find(|path| path.extension() == Some("cell".as_ref()))
        .unwrap();
    fs::remove_file(place.path(cell.to_str().unwrap())).unwrap();
    place
        .run(&merge)
        .assert_refused(&["builtin/", "run shard ", "/3 again"]);
    assert!(!place.path("again/cells").exists(), "no cell is computed");
}

#[test]
fn a_merge_contradicts_what_one_run_contradicts() {
    let place = Place::small_workspace();
    place.succeed(&[&reproduce::MAIN[..], &["--bless"]].concat());
    compute(&place, &reproduce::MAIN, 2);
    let merge = ["merge", "parts/1", "parts/2"];
    place.succeed(&merge).assert_says(&["Confirmed: all"]);
    let csv = place.read("results/main/metrics.csv");
    let line = csv.lines().nth(1).unwrap();
    let (labels, _) = line.rsplit_once(",0.").unwrap();
    let (labels, _) = labels.rsplit_once(",0.").unwrap();
    let (labels, _) = labels.rsplit_once(',').unwrap();
    place.edit(
        "results/main/metrics.csv",
        line,
        &format!("{labels},0.123,0.1,0.2,1"),
    );
    let told = place.run(&merge);
    assert_eq!(told.code, Some(1), "{told}");
    told.assert_says(&["Contradicted: 1 of"]);
    place.succeed(&[&merge[..], &["--bless"]].concat());
    assert_eq!(place.read("results/main/metrics.csv"), csv);
}

/// Ranks as it comes, and answers NaN for two of three seeds.
const FAILING: &str = r#"
import json, sys
lines = (json.loads(line) for line in sys.stdin)
names, seed = [tool["name"] for tool in next(lines)["tools"]], next(lines)["seed"]
print(json.dumps({"ready": True}), flush=True)
score = float("nan") if seed else 1
for asked in lines:
    ranking = [{"tool": name, "score": score} for name in asked["candidates"] or names]
    print(json.dumps({"id": asked["id"], "ranking": ranking}), flush=True)
"#;

#[test]
fn cells_that_fail_in_a_shard_are_those_that_fail_in_one_run() {
    if !has_python() {
        return;
    }
    let place = Place::small_workspace();
    place.write("failing.py", FAILING);
    let failing =
        r#""bm25", { kind = "process", label = "mine", command = ["python3", "failing.py"] }]"#;
    let toml = experiment(r#"["builtin"]"#, r#"["static"]"#)
        .replace("\"trial\"", "\"first\"")
        .replace("\"bm25\"]", failing)
        .replace("seeds = [0]", "seeds = [0, 1, 2]");
    assert!(toml.contains(failing));
    place.write("experiments/first.toml", toml);
    let options = [
        "reproduce",
        "--experiments",
        "first,main",
        "--datasets",
        "builtin",
    ];
    let plain = place.run(&[&options[..], &["--out", "plain"]].concat());
    plain.assert_refused(&["2 cells failed", "all other results were written"]);
    for (number, failed) in [(1, "1 cell failed"), (2, "1 cell failed")] {
        let (shard, out) = (format!("{number}/2"), format!("parts/{number}"));
        let told = place.succeed(&[&options[..], &["--shard", &shard, "--out", &out]].concat());
        told.assert_says(&[failed, "Shard ", " is done"]);
        assert!(
            told.stderr.contains("failed: builtin/query/all/mine-none-"),
            "{told}"
        );
    }
    let merged = place.run(&["merge", "parts/1", "parts/2", "--out", "merged"]);
    merged.assert_refused(&["2 cells failed", "all other results were written"]);
    let end = |told: &Told| told.stdout.split("Verdict").nth(1).map(str::to_owned);
    assert!(
        end(&plain).is_some() && end(&plain) == end(&merged),
        "{merged}"
    );
    let (mut one, other) = (files(&place, "plain"), files(&place, "merged"));
    one.retain(|path, _| !path.starts_with("cells"));
    assert_eq!(Vec::from_iter(one.keys()), Vec::from_iter(other.keys()));
    assert!(one == other && one.contains_key(Path::new("main/metrics.csv")));
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let place = Place::small_workspace();
    let main = &reproduce::MAIN;
    compute(&place, main, 2);
    let both = ["merge", "parts/1", "parts/2", "--out", "merged"];
    let refuse = |arguments: &[&str], parts: &[&str]| {
        place.run(arguments).assert_refused(parts);
        assert!(!place.path("merged").exists());
    };
    refuse(
        &["merge", "parts/1", "--out", "merged"],
        &["missing: shard 2/2", "--experiments main"],
    );
    refuse(
        &["merge", "parts/1", "parts/2", "parts/1"],
        &["are both shard 1/2"],
    );
    refuse(
        &["merge", "parts/1", "parts/2", "parts/3"],
        &["parts/3", "no shard.json", "same command again"],
    );
    refuse(
        &["merge", "parts/1", "parts/2", "--out", "parts/2"],
        &["--out", "parts/2 holds a shard"],
    );
    // A run that is no shard would remove the cells that it has in common, and leave the shard done.
    let part = place.files("parts/2");
    for command in [&main[..], &["run", "experiments/main.toml"]] {
        refuse(
            &[command, &["--out", "parts/2"]].concat(),
            &["--out", "parts/2 holds a shard", "name another folder"],
        );
    }
    assert!(place.files("parts/2") == part);
    refuse(
        &[&main[..], &["--shard", "1/2", "--out", "parts/2"]].concat(),
        &["parts/2", "holds shard 2/2"],
    );

    let said = place.read("parts/2/shard.json");
    place.write("parts/2/shard.json", &said[..said.len() / 2]);
    refuse(&both, &["parts/2/shard.json", "run the shard again"]);
    let program = said
        .lines()
        .find(|line| line.contains("\"program\""))
        .unwrap();
    place.write(
        "parts/2/shard.json",
        said.replace(program, "\"program\": \"another\","),
    );
    refuse(&both, &["parts/2", "shard 2/2", "another program"]);
    place.write("parts/2/shard.json", said.replace("2/2", "2/3"));
    refuse(&both, &["not of one run", "shard 2/3 and shard 1/2"]);

    // Interrupted when it is run again, it is not done.
    fs::remove_dir_all(place.path("parts/2")).unwrap();
    compute_one(&place, &[&main[..6], &["2"]].concat(), 2, 2);
    refuse(&both, &["parts/2 and parts/1", "--seeds 2", "--seeds 1"]);
    compute_one(&place, main, 2, 2);
    place.edit("experiments/main.toml", "\"bm25\", ", "");
    refuse(&both, &["parts/1", "other experiments"]);

    let shard =
        |shard, more: &[&'static str]| place.run(&[&main[..], &["--shard", shard], more].concat());
    shard("3/2", &[]).assert_misused(&["--shard", "`3/2`"]);
    shard("1/2", &["--bless"]).assert_misused(&["--shard", "--bless"]);
    shard("1/2", &["--trec"]).assert_misused(&["--shard", "--trec"]);
    shard("1/2", &["--llm-budget", "1"]).assert_misused(&["--shard", "--llm-budget"]);
}

#[test]
fn what_one_machine_lacked_is_told() {
    let place = Place::small_workspace();
    place.add_metatool();
    let toml = experiment(r#"["builtin", "metatool"]"#, r#"["static"]"#);
    place.write("experiments/trial.toml", toml);
    let options = ["reproduce", "--experiments", "trial"];
    let data = ["--data-dir", "data"];
    let with_data = [&options[..], &data].concat();
    compute_one(&place, &with_data, 1, 2);
    compute_one(&place, &options, 2, 2);
    let merge = ["merge", "parts/1", "parts/2", "--out", "merged"];
    place
        .run(&merge)
        .assert_refused(&["trial", "left out here, but not by shard 1/2", "metatool"]);
    // The first of metatool's two cells falls to the first shard, the other is missing in the second.
    place
        .run(&[&merge[..], &data].concat())
        .assert_refused(&["trial: metatool/", "run shard 2/2 again"]);
    compute_one(&place, &with_data, 2, 2);
    place.succeed(&[&merge[..], &data].concat());
    let rows = place.read("merged/trial/metrics.csv");
    assert!(rows.contains("trial,builtin,") && rows.contains("trial,metatool,"));
    place.edit(PLUGINS, "Finds the way.", "Finds no way.");
    place.run(&[&merge[..], &data].concat()).assert_refused(&[
        "trial: metatool/",
        "the data set metatool was another there than here; run shard ",
        "with what is here",
    ]);
}

#[test]
fn the_slurm_scripts_are_bash() {
    let slurm = root().join("deploy/slurm");
    for script in ["submit.sh", "test.sh", "reproduce.sbatch", "merge.sbatch"] {
        let told = Told::of(Command::new("bash").arg("-n").arg(slurm.join(script)));
        assert_eq!(told.code, Some(0), "{script}: {told}");
    }
    // Else it would wait for ever for a shard that failed.
    let submit = fs::read_to_string(slurm.join("submit.sh")).unwrap();
    assert!(submit.contains("--dependency=\"afterok:$job\" --kill-on-invalid-dep=yes"));
}

/// Prints the jobs of a manifest, as JSON.
const READ_JOBS: &str = "
import json, sys, yaml
jobs = [part['spec'] for part in yaml.safe_load_all(sys.stdin) if part['kind'] == 'Job']
print(json.dumps(jobs))";

#[test]
fn the_kubernetes_jobs_compute_all_shards_and_join_them() {
    let python = |code| {
        let mut python = Command::new("python3");
        python.args(["-c", code]);
        python
    };
    if !python("import yaml")
        .output()
        .is_ok_and(|told| told.status.success())
    {
        eprintln!("not run: Python's package yaml is not there");
        return;
    }
    let manifest = fs::File::open(root().join("deploy/kubernetes/job.yaml")).unwrap();
    let told = Told::of(python(READ_JOBS).stdin(manifest));
    assert_eq!(told.code, Some(0), "{told}");
    let jobs: Value = serde_json::from_str(&told.stdout).unwrap();
    let [compute, merge] = [&jobs[0], &jobs[1]];
    let image = |job: &Value| container(job)["image"].clone();
    assert!(image(compute).is_string() && image(compute) == image(merge));

    let place = Place::empty();
    let trial = experiment(r#"["builtin"]"#, r#"["static"]"#);
    place.write("experiments/trial.toml", trial);
    let shards = compute["completions"].as_u64().unwrap();
    assert_eq!(compute["completionMode"], "Indexed");
    for index in 0..shards {
        let mut pod = pod(&place, compute);
        let told = Told::of(pod.env("JOB_COMPLETION_INDEX", index.to_string()));
        assert_eq!(told.code, Some(0), "{told}");
    }
    let told = Told::of(&mut pod(&place, merge));
    assert_eq!(told.code, Some(0), "{told}");
    assert!(place.path("shared/merged/trial/metrics.csv").exists());
}

fn container(job: &Value) -> &Value {
    &job["template"]["spec"]["containers"][0]
}

/// What a pod of the job runs, with its volume in `place`.
fn pod(place: &Place, job: &Value) -> Command {
    let container = container(job);
    let shared = place.path("shared");
    let text = |value: &Value| {
        let text = value.as_str().unwrap();
        text.replace("/shared", shared.to_str().unwrap())
            .replace("exec xtask", concat!("exec ", env!("CARGO_BIN_EXE_xtask")))
    };
    let words = ["command", "args"].map(|part| container[part].as_array().unwrap());
    let words: Vec<String> = words.into_iter().flatten().map(text).collect();
    let mut pod = place.clean(Command::new(&words[0]));
    for variable in container["env"].as_array().unwrap() {
        pod.env(text(&variable["name"]), text(&variable["value"]));
    }
    pod.args(&words[1..]);
    pod
}
