//! What the TOML may say.

use oats_harness::Study;

use super::{COST, GROWTH};

/// Replaces `from` by `to` and expects an error that names the file and has these parts.
#[track_caller]
fn refused(toml: &str, from: &str, to: &str, parts: &[&str]) {
    assert!(toml.contains(from), "{from} is not in the example");
    let text = toml.replacen(from, to, 1);
    let Err(error) = Study::parse(&text, "experiments/c.toml") else {
        panic!("{to} instead of {from} was accepted");
    };
    let message = error.to_string();
    assert!(message.starts_with("experiments/c.toml: "), "{message}");
    assert!(!message.contains('\n'), "{message}");
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn bad_files_are_refused_with_place_and_field() {
    for (from, to, parts) in [
        (
            "\"cost\"",
            "\"costs\"",
            &["line 1", "kind", "`costs`", "`cost`", "`context-growth`"][..],
        ),
        ("top_k", "top", &["line 8", "`top`", "`top_k`"]),
        ("router = \"dense\"\n", "", &["missing", "`router`"]),
        ("\"dense\"", "\"dens\"", &["line 6", "`dens`", "`dense`"]),
        ("[1, 5]", "[]", &["top_k", "empty"]),
        ("[1, 5]", "[0]", &["line 8", "top_k", "0"]),
        (
            "per_tool = [1, 5]",
            "per_tool = [5, 5]",
            &["labels: per_tool", "`5`", "twice"],
        ),
        (
            ", metatool = \"minilm\"",
            "",
            &["embedders", "`metatool`", "minilm"],
        ),
        (
            "= \"minilm\"",
            "= \"bert\"",
            &["line 7", "`bert`", "`minilm`"],
        ),
        (
            "quick = [\"builtin\"]",
            "quick = [\"toole\"]",
            &["quick", "`toole`", "builtin, metatool"],
        ),
        (
            "\"metatool\"]",
            "\"builtin\"]",
            &["datasets", "`builtin`", "twice"],
        ),
        (
            "\"metatool\"]",
            "\"metatol\"]",
            &["line 4", "`metatol`", "metatool"],
        ),
        (
            "milliseconds = 10",
            "milliseconds = -1",
            &["router_milliseconds", "-1", "at least 0"],
        ),
        (
            "dollars = 0.10",
            "dollars = nan",
            &["person_dollars", "finite"],
        ),
        (
            "routed_calls = 1",
            "routed_calls = 3",
            &["post", "routed_calls", "less than calls"],
        ),
        (
            "routed_calls = 1",
            "routed_calls = -1",
            &["line 10", "routed_calls", "-1"],
        ),
        ("step = 128", "step = 0", &["cache", "step"]),
        (
            "name = \"c\"",
            "name = \"../c\"",
            &["name", "../c", "letters"],
        ),
        ("name = \"c\"", "name = \"cells\"", &["name", "`cells`"]),
    ] {
        refused(COST, from, to, parts);
    }
    refused(GROWTH, "deepest = 20", "deepest = 2", &["deepest", "3"]);
    refused(
        GROWTH,
        "kept_steps",
        "kept",
        &["line 9", "`kept`", "`kept_steps`"],
    );
    refused(GROWTH, "step = 128", "step = 0", &["cache", "step"]);
    refused(
        GROWTH,
        "\"context-growth\"",
        "\"cost\"",
        &["line 8", "`answer_tokens`"],
    );
}

#[test]
fn a_file_without_a_kind_ranks_routers() {
    let ranking = crate::laboratory::toml(&["builtin"], "[0, 1]");
    let mut study = Study::parse(&ranking, "t.toml").unwrap();
    assert!(matches!(study, Study::Ranking(_)));
    assert_eq!((study.name(), study.question()), ("t", "?"));
    study.restrict(None, Some(0));
    assert!(study.datasets().is_empty());
}
