//! The pages in `docs/`, done as they say by `docs/follow.py`, in a workspace of their own. The tutorial for a
//! router in Rust is followed by `docs/new-router.test.sh`, since it builds the commands anew.

use std::process::Command;

use crate::common::{Place, Told, has_python, root};

/// What `cargo` is while a page is followed: the commands are built already.
const CARGO: &str = r#"cargo() {
  case $1 in
  build) mkdir -p target/release && cp "$XTASK" target/release/xtask ;;
  xtask) shift && "$XTASK" "$@" ;;
  *) false ;;
  esac
}
"#;

/// Does what the page says, which stands in `place`.
fn follow(place: &Place, page: &str) -> Told {
    place.write("cargo.sh", CARGO);
    let mut python = place.clean(Command::new("python3"));
    python
        .arg(root().join("docs/follow.py"))
        .arg(page)
        .env("BASH_ENV", place.path("cargo.sh"))
        .env("XTASK", env!("CARGO_BIN_EXE_xtask"))
        .env("OATS_CACHE_DIR", place.path("cache"));
    Told::of(&mut python)
}

/// Follows one of our pages, which must end well.
#[track_caller]
fn followed(place: &Place, page: &str) -> Told {
    place.copy(page);
    let told = follow(place, page);
    assert_eq!(told.code, Some(0), "{told}");
    told
}

#[test]
fn files_commands_and_what_they_print_are_told_apart() {
    if !has_python() {
        return;
    }
    let place = Place::empty();
    place.write(
        "page.md",
        "This is `a/b.json`:\n\n```json\n{}\n```\n\n`c.txt` is not:\n\n```json\n[]\n```\n\n`d.txt`:\n\n\
         ```python\nabove\nhere\n```\n\nIn `d.txt`:\n\n```diff\n--- d.txt\n+between\n here\n```\n\n\
         ```sh\nname=d.txt\n```\n\n```sh\n# prints it\ncat a/b.json $name\n```\n\n```text\n{}\nbetween\n```\n\n\
         Read this:\n\n```text\nelse\n```\n",
    );
    let told = follow(&place, "page.md");
    assert_eq!(told.code, Some(0), "{told}");
    told.assert_says(&["{}\nabove\nbetween\nhere\n"]);
    assert!(!place.path("c.txt").exists());
}

#[test]
fn wrong_pages_are_told() {
    if !has_python() {
        return;
    }
    let place = Place::empty();
    for (page, wrong) in [
        (
            "```sh\necho here\n```\n\n```text\ngone\n```\n",
            "not printed: gone",
        ),
        ("```sh\nfalse\necho here\n```\n", "exit code 1 of:\nfalse"),
        (
            "```sh\ncargo xtask check-data nothing\n```\n",
            "exit code 2 of:",
        ),
        (
            "`a.txt`:\n\n```text\n1\n1\n```\n\n```diff\n--- a.txt\n+0\n 1\n```\n",
            "a.txt: a diff must show",
        ),
    ] {
        place.write("page.md", page);
        let told = follow(&place, "page.md");
        assert_eq!(told.code, Some(1), "{told}");
        assert!(told.stderr.contains(wrong), "{told}");
        assert!(
            !told.stdout.contains("\nhere\n") || wrong.ends_with("gone"),
            "{told}"
        );
    }
}

#[test]
fn your_dataset() {
    if !has_python() {
        return;
    }
    let place = Place::workspace();
    for file in ["tools.json", "queries.jsonl"] {
        place.copy(format!("examples/dataset/{file}"));
    }
    followed(&place, "docs/your-dataset.md");
    let compared = place.read("target/forty/oats-s1-against-dense/compared.csv");
    assert!(compared.contains("tools:dataset"), "{compared}");
}

#[test]
fn what_to_deploy() {
    if !has_python() {
        return;
    }
    let place = Place::workspace();
    place.copy("crates/datasets/tests/data/chat-log.jsonl");
    followed(&place, "docs/what-to-deploy.md");
    let rows = place.read("target/run/my-experiment/metrics.csv");
    assert!(rows.contains("oats-plus"), "{rows}");
}

#[test]
fn process_router() {
    if !has_python() {
        return;
    }
    let place = Place::workspace();
    let told = followed(&place, "docs/process-router.md");
    let line = told.stdout.lines().find(|line| line.starts_with("mine "));
    let cells = line.unwrap().split_whitespace();
    let scores: Vec<f64> = cells.filter_map(|cell| cell.parse().ok()).collect();
    assert_eq!(scores.len(), 2, "{told}");
    // Chance gives less than half of these, among ten candidates and in the catalogue.
    assert!(scores[0] > 0.4 && scores[1] > 0.1, "{told}");
    let rows = place.read("target/run/my-router/metrics.csv");
    assert!(rows.contains(",none,mine,"), "{rows}");
}

#[test]
fn many_machines() {
    if !has_python() {
        return;
    }
    let place = Place::small_workspace();
    place.copy("experiments/cost.toml");
    let told = followed(&place, "docs/many-machines.md");
    for commands in ["--shard 3/3", "merge", "diff"] {
        told.assert_says(&[commands]);
    }
    assert!(place.path("shared/merged/main/metrics.csv").exists());
    assert!(place.path("shared/merged/cost/costs.csv").exists());
}
