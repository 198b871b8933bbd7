//! Figures, answers, tables and the page, from committed rows alone.

use crate::{
    common::{Place, Told},
    reproduce::MAIN,
};

/// SHA-256 of "abc", a known value of FIPS 180-4.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// A workspace with results of `main`, and a paper that was made from one file, of the same bytes.
fn blessed() -> Place {
    let place = Place::small_workspace();
    place.succeed(&[&MAIN[..], &["--bless"]].concat());
    place.write("paper/paper.typ", "abc");
    place.write("paper/paper.pdf", "abc");
    let inputs = format!("{ABC}  paper/paper.typ\n{ABC}  paper/paper.pdf\n");
    place.write("paper/paper.inputs", inputs);
    place
}

/// These commands read neither data nor models.
#[track_caller]
pub(crate) fn run(place: &Place, arguments: &[&str], code: i32) -> Told {
    let told = Told::of(&mut place.bare_command(arguments));
    assert_eq!(told.code, Some(code), "{told}");
    told
}

#[test]
fn what_is_stale_is_named_and_made_again() {
    let place = blessed();
    run(&place, &["report", "--check"], 0);
    let fresh = place.files("results");
    let readme = place.read("README.md");
    let of_all = ["results/index.html", "README.md"];
    place.write("results/index.html", "old");
    let number = readme.split("| chance |").nth(1).unwrap();
    let number = number.split('[').next().unwrap().trim_matches(['|', ' ']);
    place.write("README.md", readme.replacen(number, "0.999", 1));
    run(&place, &["report", "--check"], 1).assert_says(&of_all);

    let of_folder = ["results/main/README.md", "results/main/ndcg-by-router.svg"];
    for file in of_folder {
        place.write(file, "old");
    }
    std::fs::remove_file(place.path("results/main/ndcg-by-router.png")).unwrap();
    let told = run(&place, &["report", "--check"], 1);
    told.assert_says(&of_folder);
    told.assert_says(&["results/main/ndcg-by-router.png"]);
    run(&place, &["paper"], 2).assert_refused(&[
        "results/main/",
        "is not what",
        "cargo xtask report",
    ]);

    run(&place, &["report"], 0);
    assert_eq!(place.files("results"), fresh);
    assert_eq!(place.read("README.md"), readme);
    let told = run(&place, &["report"], 0);
    assert!(!told.stdout.contains("written"), "{told}");
}

#[test]
fn a_paper_is_stale_once_what_it_read_has_changed() {
    let place = blessed();
    place.write("paper/paper.typ", "abcd");
    let told = run(&place, &["report", "--check"], 1);
    told.assert_says(&["paper/paper.typ", "cargo xtask paper"]);
    let inputs = place.read("paper/paper.inputs");
    place.write("paper/paper.inputs", format!("no list\n{inputs}"));
    run(&place, &["report", "--check"], 2).assert_refused(&["paper.inputs:1", "`no list`"]);
}

#[test]
fn a_paper_that_was_edited_or_lost_is_stale() {
    let place = blessed();
    place.write("paper/paper.pdf", "abcd");
    let pdf = ["paper/paper.pdf", "cargo xtask paper"];
    run(&place, &["report", "--check"], 1).assert_says(&pdf);
    std::fs::remove_file(place.path("paper/paper.pdf")).unwrap();
    run(&place, &["report", "--check"], 1).assert_says(&pdf);

    place.write("paper/paper.inputs", format!("{ABC}  paper/paper.typ\n"));
    run(&place, &["report", "--check"], 2)
        .assert_refused(&["paper.inputs", "the checksum of paper/paper.pdf is missing"]);
}

#[test]
fn figures_are_drawn_from_committed_rows() {
    let place = blessed();
    let fresh = place.files("results");
    place.write("results/main/ndcg-by-router.svg", "old");
    run(&place, &["figures", "main"], 0);
    assert_eq!(place.files("results"), fresh);
    run(&place, &["figures", "mian"], 2).assert_refused(&["no figure of `mian`", "those of: main"]);
}
