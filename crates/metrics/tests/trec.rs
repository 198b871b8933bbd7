//! TREC files: what is written is what trec_eval would read, and bad lines are named.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in their helpers

use std::io;

use oats_metrics::{
    Error,
    trec::{Judgements, Ranking, read_qrels, read_run, write_qrels, write_run},
};
use proptest::prelude::*;

fn ranking(items: &[(&str, f32)]) -> Ranking {
    Ranking {
        query: "q1".into(),
        items: items.iter().map(|(i, s)| ((*i).into(), *s)).collect(),
    }
}

fn names(ranking: &Ranking) -> Vec<&str> {
    ranking
        .items
        .iter()
        .map(|(item, _)| item.as_str())
        .collect()
}

fn written(rankings: &[Ranking]) -> Vec<u8> {
    let mut file = Vec::new();
    write_run(&mut file, "test", rankings).unwrap();
    file
}

#[test]
fn a_run_is_read_by_trec_evals_rule() {
    // Falling score; then falling name, by bytes: é > b9 > b10 > a > Z. The second field, the rank and the tag
    // do not matter, nor do the order of lines, the number of blanks, or Windows line ends.
    let file = "q2 Q0 x 1 -3 t\nq1 Q0 a 9 0.5 t\nq1 0 b10 1 0.5 t\r\nq1 Q0 low 1 -1e-3 t\nq1  Q0\tb9 2 5e-1 other\n\
                q1 Q0 top 7 0.50000006 t\nq1 Q0 Z 1 0.5 t\nq1 Q0 é 1 0.500000000001 t\nq1 Q0 zero 3 0 t\nq1 Q0 minus 3 -0.0 t";
    let run = read_run(file.as_bytes(), "file").unwrap();
    assert_eq!(
        run.iter().map(|r| r.query.as_str()).collect::<Vec<_>>(),
        ["q2", "q1"]
    );
    assert_eq!(
        names(&run[1]),
        ["top", "é", "b9", "b10", "a", "Z", "zero", "minus", "low"]
    );
    assert_eq!(run[1].items[1].1, 0.5);
}

#[test]
fn ties_and_inversions_keep_the_written_order() {
    let order = ranking(&[
        ("a", 1.0),
        ("b", 1.0),
        ("c", 1.0),
        ("rises", 2.0),
        ("d", 0.0),
        ("e", -0.0),
        ("f", 0.0),
        ("g", -1.0),
    ]);
    let back = read_run(written(std::slice::from_ref(&order)).as_slice(), "file").unwrap();
    assert_eq!(names(&back[0]), names(&order));
    // As little as possible is changed.
    let scores: Vec<f32> = back[0].items.iter().map(|(_, score)| *score).collect();
    assert_eq!(scores[..2], [1.0, 1.0_f32.next_down()]);
    assert_eq!(
        (scores[4], scores[5], scores[7]),
        (0.0, -f32::from_bits(1), -1.0)
    );
}

proptest! {
    #[test]
    fn any_finite_scores_survive_a_round_trip(
        scores in proptest::collection::vec(
            prop_oneof![proptest::num::f32::NORMAL, proptest::num::f32::SUBNORMAL, Just(0.5), Just(0.0)],
            0..40,
        ),
        sorted: bool,
    ) {
        // Far enough from the lowest f32 that there is room below.
        let mut scores: Vec<f32> = scores.into_iter().map(|s| s.max(-1e38)).collect();
        if sorted {
            scores.sort_by(|a, b| b.total_cmp(a));
        }
        let items = scores.iter().enumerate().map(|(i, s)| (format!("item{i}"), *s));
        let order = Ranking { query: "q".into(), items: items.collect() };
        let back = read_run(written(std::slice::from_ref(&order)).as_slice(), "file").unwrap();
        prop_assert_eq!(back.len(), usize::from(!scores.is_empty()));
        for back in &back {
            prop_assert_eq!(names(back), names(&order));
            // Scores that fall strictly are kept to the bit.
            if scores.windows(2).all(|pair| pair[0] > pair[1]) {
                prop_assert_eq!(&back.items, &order.items);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "([qd ]{0,3} ?[-0-9.einfa]{0,4}[ \n]){0,20}") {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let _ = read_run(input, "file");
            let _ = read_qrels(input, "file");
        }
    }
}

#[test]
fn qrels_survive_a_round_trip() {
    let judged = |query: &str, items: &[(&str, i32)]| Judgements {
        query: query.into(),
        items: items.iter().map(|(i, g)| ((*i).into(), *g)).collect(),
    };
    let judgements = [
        judged("q2", &[("b", 3), ("a", 0)]),
        judged("q1", &[("b", -2)]),
    ];
    let mut file = Vec::new();
    write_qrels(&mut file, &judgements).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&file),
        "q2 0 b 3\nq2 0 a 0\nq1 0 b -2\n"
    );
    assert_eq!(read_qrels(file.as_slice(), "file").unwrap(), judgements);
}

#[test]
fn bad_lines_are_named() {
    let good = b"q Q0 a 1 0.5 t\n";
    for (line, words) in [
        (
            &b"q Q0 b 1 0.5"[..],
            "5 fields, expected 6: `query Q0 item rank score tag`",
        ),
        (b"q Q0 b 1 0.5 t t", "7 fields"),
        (b"", "0 fields"),
        (
            b"q Q0 b 1 high t",
            "the score `high` is not a finite number",
        ),
        (b"q Q0 b 1 NaN t", "the score `NaN` is not a finite number"),
        (b"q Q0 b 1 inf t", "the score `inf` is not a finite number"),
        (
            b"q Q0 b 1 1e39 t",
            "the score `1e39` is not a finite number",
        ),
        (
            b"q Q0 a 2 0.4 t",
            "item `a` of query `q` stands already in line 1",
        ),
        (b"q Q0 \xff 1 0.5 t", "not UTF-8"),
    ] {
        let file = [good, line, b"\n"].concat();
        let error = read_run(file.as_slice(), "results/x.run").unwrap_err();
        assert!(matches!(error, Error::Line { line: 2, .. }), "{error:?}");
        let message = error.to_string();
        assert!(
            message.starts_with("results/x.run, line 2: ") && message.contains(words),
            "{message}"
        );
    }
    for (line, words) in [
        ("q 0 b", "3 fields, expected 4: `query 0 item grade`"),
        ("q 0 b 1.5", "the grade `1.5` is not an integer"),
        (
            "q 0 b 3000000000",
            "the grade `3000000000` is not an integer",
        ),
        ("q 0 a 1", "item `a` of query `q` stands already in line 1"),
    ] {
        let message = read_qrels(format!("q 0 a 1\n{line}\n").as_bytes(), "x")
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("x, line 2: ") && message.contains(words),
            "{message}"
        );
    }
}

#[test]
fn what_could_not_be_read_back_is_not_written() {
    let refused = |ranking: Ranking| {
        write_run(io::sink(), "tag", [ranking])
            .unwrap_err()
            .to_string()
    };
    for name in ["two words", "tab\there", "", "no\u{a0}break", "nul\0"] {
        let message = refused(ranking(&[(name, 1.0)]));
        assert!(
            message.contains(&format!("item `{}`", name.escape_debug())),
            "{message}"
        );
        let message = refused(Ranking {
            query: name.into(),
            items: vec![],
        });
        assert!(
            message.contains(&format!("query `{}`", name.escape_debug())),
            "{message}"
        );
        assert!(write_run(io::sink(), name, [ranking(&[])]).is_err());
    }
    assert!(refused(ranking(&[("a", 1.0), ("a", 0.5)])).contains("item `a` of query `q1`"));
    for score in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(refused(ranking(&[("a", score)])).contains("scores must be finite"));
    }
    assert!(refused(ranking(&[("a", f32::MIN), ("b", f32::MIN)])).contains("`b`"));

    let twice = [ranking(&[("a", 1.0)]), ranking(&[("b", 1.0)])];
    assert!(
        write_run(io::sink(), "tag", &twice)
            .unwrap_err()
            .to_string()
            .contains("query `q1`")
    );
    let spaced = Judgements {
        query: "q".into(),
        items: vec![("a b".into(), 1)],
    };
    assert!(
        write_qrels(io::sink(), [spaced])
            .unwrap_err()
            .to_string()
            .contains("item `a b`")
    );
}

#[test]
fn a_failing_writer_is_reported() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = write_run(Full, "tag", [ranking(&[("a", 1.0)])]).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error:?}");
}
