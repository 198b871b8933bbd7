//! Small papers in folders of their own.

use std::{fs, path::Path, process::Command};

use oats_paper::{INPUTS, PDF, Paper};
use tempfile::TempDir;

const ROWS: &str = "dataset,router,seed,metric,value,ci_low,ci_high,n
metatool,dense,0,ndcg@5,0.9,0.8,1.0,10
metatool,dense,mean-of-2,ndcg@5,0.625,0.5,0.75,20
metatool,oats-s1,mean-of-2,ndcg@5,0.75,0.7,0.8,20
metatool,oats-s1,mean-of-2,map,0.5,0.4,0.6,20
metatool,knn,mean-of-2,ndcg@5,no,0.4,0.6,20
";

/// A workspace with `main/metrics.csv` and a paper of this source.
fn workspace(source: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "paper/paper.typ", source);
    write(root.path(), "results/main/metrics.csv", ROWS);
    root
}

fn write(root: &Path, path: &str, content: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn build(source: &str) -> Result<Paper, String> {
    Paper::build(workspace(source).path(), &[]).map_err(|error| error.to_string())
}

/// A source that builds only if `condition` holds of the row with `labels`.
fn asserting(labels: &str, condition: &str) -> String {
    format!("#let row = json(\"/rows/main/metrics.csv/{labels}\")\n#assert({condition})\nText.")
}

#[test]
fn the_row_with_the_labels_is_read() {
    let source = asserting(
        "router=oats-s1/metric=ndcg@5",
        "row.value == 0.75 and row.dataset == \"metatool\"",
    );
    build(&source).unwrap();
}

#[test]
fn a_seed_counts_only_if_it_is_named() {
    build(&asserting("router=dense", "row.value == 0.625")).unwrap();
    build(&asserting("router=dense/seed=0", "row.value == 0.9")).unwrap();
}

#[test]
fn a_missing_row_is_an_error_with_file_labels_and_place() {
    let error = build(&asserting("router=oats-s9/metric=ndcg@5", "true")).unwrap_err();
    for part in [
        "paper/paper.typ:1:",
        "results/main/metrics.csv",
        "router=oats-s9, metric=ndcg@5",
    ] {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn several_rows_are_an_error_that_names_what_parts_them() {
    let error = build(&asserting("router=oats-s1", "true")).unwrap_err();
    assert!(error.contains("2 rows have router=oats-s1"), "{error}");
    assert!(error.contains("metric (ndcg@5, map)"), "{error}");
}

#[test]
fn an_unknown_column_and_a_wrong_number_are_errors() {
    let error = build(&asserting("rooter=dense", "true")).unwrap_err();
    assert!(error.contains("there is no column rooter"), "{error}");
    let error = build(&asserting("router=knn", "true")).unwrap_err();
    assert!(
        error.contains("results/main/metrics.csv:6: value is `no`"),
        "{error}"
    );
}

#[test]
fn a_claim_that_does_not_hold_ends_the_build() {
    let error = build(&asserting("router=dense", "row.value > 0.7")).unwrap_err();
    assert!(error.contains("paper/paper.typ:2:"), "{error}");
}

#[test]
fn a_missing_figure_is_an_error_that_names_it() {
    let error = build("#image(\"/results/main/none.svg\")").unwrap_err();
    assert!(error.contains("results/main/none.svg"), "{error}");
}

#[test]
fn files_outside_and_packages_are_refused() {
    let root = workspace("#read(\"/Cargo.toml\")");
    write(root.path(), "Cargo.toml", "secret");
    let error = Paper::build(root.path(), &[]).unwrap_err().to_string();
    assert!(
        error.contains("may read only paper/, results/, experiments/"),
        "{error}"
    );

    let error = build("#read(\"/../elsewhere\")").unwrap_err();
    assert!(error.starts_with("paper/paper.typ:1:"), "{error}");

    let error = build("#import \"@preview/cetz:0.3.0\": canvas").unwrap_err();
    assert!(error.contains("no packages"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_readable_folders_is_refused() {
    let root = workspace("#read(\"/paper/link\")");
    write(root.path(), "secret", "secret");
    std::os::unix::fs::symlink(root.path().join("secret"), root.path().join("paper/link")).unwrap();
    let error = Paper::build(root.path(), &[]).unwrap_err().to_string();
    assert!(error.contains("may read only"), "{error}");
}

#[test]
fn the_same_files_give_the_same_bytes() {
    let root = workspace("= Title\n#json(\"/rows/main/metrics.csv/router=dense\").value $x^2$");
    let first = Paper::build(root.path(), &[]).unwrap();
    assert!(first.pdf.starts_with(b"%PDF-"));
    assert_eq!(first, Paper::build(root.path(), &[]).unwrap());
}

#[test]
fn the_inputs_name_what_was_read_and_the_pdf_and_nothing_else() {
    let root =
        workspace("#include \"part.typ\"\n#json(\"/rows/main/metrics.csv/router=dense\").value");
    write(root.path(), "paper/part.typ", "abc");
    write(root.path(), "results/main/tests.csv", "never read");
    let paper = Paper::build(root.path(), &[]).unwrap();
    let paths: Vec<&str> = paper
        .inputs
        .lines()
        .map(|line| line.split_once("  ").unwrap().1)
        .collect();
    assert_eq!(
        paths,
        [
            "paper/paper.typ",
            "paper/part.typ",
            "results/main/metrics.csv",
            PDF
        ]
    );
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  paper/part.typ";
    assert!(
        paper.inputs.lines().any(|line| line == abc),
        "{}",
        paper.inputs
    );
}

#[test]
fn results_of_another_folder_stand_in_for_the_committed_ones() {
    let root = workspace(&asserting("router=dense", "row.value == 0.25"));
    let other = tempfile::tempdir().unwrap();
    assert!(Paper::build(root.path(), &[other.path().join("main")]).is_err());
    let rows = ROWS.replace("0.625", "0.25");
    write(other.path(), "main/metrics.csv", &rows);
    Paper::build(root.path(), &[other.path().join("main")]).unwrap();
}

#[test]
fn a_changed_input_makes_the_committed_paper_stale() {
    let root = workspace("#read(\"/results/main/metrics.csv\").len()");
    let paper = Paper::build(root.path(), &[]).unwrap();
    assert_eq!(paper.stale_in(root.path()), [PDF, INPUTS]);
    fs::write(root.path().join(PDF), &paper.pdf).unwrap();
    fs::write(root.path().join(INPUTS), &paper.inputs).unwrap();
    assert!(paper.stale_in(root.path()).is_empty());

    write(
        root.path(),
        "results/main/metrics.csv",
        "dataset,value\nmetatool,1\n",
    );
    let changed = Paper::build(root.path(), &[]).unwrap();
    assert_eq!(changed.stale_in(root.path()), [PDF, INPUTS]);
}

#[test]
fn the_list_holds_the_checksum_of_the_pdf() {
    let list = |text: &str| build(text).unwrap().inputs;
    let of_pdf = |list: &str| list.lines().last().unwrap().to_owned();
    assert!(of_pdf(&list("Text.")).ends_with("  paper/paper.pdf"));
    assert_eq!(of_pdf(&list("Text.")), of_pdf(&list("Text. // no ink")));
    assert_ne!(of_pdf(&list("Text.")), of_pdf(&list("Another.")));
}

#[test]
fn the_command_writes_checks_and_tells_bad_input_by_its_exit_code() {
    let root = workspace("#read(\"/results/main/metrics.csv\").len()");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_oats-paper"));
        let ended = command
            .args(arguments)
            .current_dir(root.path().join("results"))
            .output()
            .unwrap();
        (
            ended.status.code(),
            String::from_utf8(ended.stderr).unwrap(),
        )
    };
    assert_eq!(run(&["--check"]).0, Some(1));
    assert_eq!(run(&[]).0, Some(0));
    assert_eq!(run(&["--check"]), (Some(0), String::new()));
    assert_eq!(run(&["--out", "other.pdf"]).0, Some(0));
    assert!(root.path().join("results/other.inputs").is_file());

    write(root.path(), "paper/paper.typ", "#unknown");
    let (code, said) = run(&[]);
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "error: paper/paper.typ:1:2: unknown variable: unknown\n"
    );
}
