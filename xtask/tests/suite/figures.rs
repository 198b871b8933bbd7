//! The figures of a run: files that open, the same bytes every time, and nothing off the canvas.

use std::{path::Path, sync::Arc};

use resvg::usvg::{Group, Node, Options, Rect, Tree, fontdb::Database};

use crate::common::Place;

#[test]
fn the_same_run_draws_the_same_bytes() {
    let place = Place::small_workspace();
    for name in ["cost", "context-growth", "geometry"] {
        place.copy(format!("experiments/{name}.toml"));
    }
    let draw = |out| {
        place.succeed(&[
            "reproduce",
            "--experiments",
            "main,s1-convergence,cost,context-growth,geometry",
            "--datasets",
            "builtin",
            "--seeds",
            "1",
            "--out",
            out,
        ]);
        let mut files = place.files(out);
        files.retain(|path, _| path.extension().is_some_and(|e| e == "svg" || e == "png"));
        files.into_values().collect::<Vec<_>>()
    };
    let first = draw("one");
    assert_eq!(first.len(), 10, "five figures, each as SVG and PNG");
    assert!(first == draw("two"));
}

#[test]
fn figures_open_and_keep_their_texts_on_the_canvas() {
    let place = Place::workspace();
    place.add_metatool();
    let datasets = ["--datasets", "builtin,metatool", "--data-dir", "data"];
    place.edit("experiments/geometry.toml", "buildbetter", "poet");
    place.edit("experiments/geometry.toml", "\"minilm\"", "\"static\"");
    let experiments = "main,s1-convergence,cost,context-growth,geometry";
    let extent = ["--experiments", experiments, "--seeds", "1"];
    place.succeed(&[&["reproduce"], &extent[..], &datasets[..]].concat());
    for figure in [
        "main/ndcg-by-router",
        "s1-convergence/convergence",
        "cost/cost",
        "context-growth/context-growth",
        "geometry/geometry",
    ] {
        let svg = place.read(&format!("target/reproduce/{figure}.svg"));
        let (width, height) = keeps_its_texts(figure, &svg);
        let png = std::fs::read(place.path(&format!("target/reproduce/{figure}.png"))).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!(
            (number(16), number(20)),
            (2 * width as u32, 2 * height as u32)
        );
    }
}

/// Those of experiments that take too long to run here.
#[test]
fn committed_figures_keep_their_texts_on_the_canvas() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    for figure in [
        "beyond/beyond",
        "density/density",
        "frontier/frontier",
        "noise/noise",
        "peers/peers",
        "s2-features/s2-features",
        "scaling/scaling",
    ] {
        let svg = std::fs::read_to_string(results.join(format!("{figure}.svg"))).unwrap();
        keeps_its_texts(figure, &svg);
    }
}

/// A name for which there was no room would be missing.
#[test]
fn every_panel_of_a_trade_names_all_its_routers() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    for (figure, panels, names) in [
        (
            "beyond/beyond",
            4,
            &[
                "OATS+",
                "OATS-S1",
                "SE",
                "BM25",
                "shrinkage",
                "several vectors",
            ][..],
        ),
        (
            "frontier/frontier",
            6,
            &[
                "OATS-S1",
                "SE",
                "BM25",
                "chance",
                "RNN",
                "RNN, Gumbel",
                "encoder",
                "encoder, no attention",
            ],
        ),
    ] {
        let svg = std::fs::read_to_string(results.join(format!("{figure}.svg"))).unwrap();
        let mut texts = Vec::new();
        collect(parse(&svg).root(), &mut texts);
        for name in names {
            let found = texts.iter().filter(|(text, _)| text == name).count();
            assert_eq!(found, panels, "{figure}: {name}");
        }
    }
}

/// Holds all texts to be on the canvas and none on another; returns the canvas's size.
pub(crate) fn keeps_its_texts(figure: &str, svg: &str) -> (f32, f32) {
    let tree = parse(svg);
    let (width, height) = (tree.size().width(), tree.size().height());
    let mut texts = Vec::new();
    collect(tree.root(), &mut texts);
    assert!(texts.len() > 10, "{figure} has {} texts", texts.len());
    for (text, at) in &texts {
        assert!(
            at.left() >= 0.0 && at.top() >= 0.0 && at.right() <= width && at.bottom() <= height,
            "{figure}: `{text}` is at {at:?}, the canvas is {width} × {height}"
        );
    }
    for (index, (text, at)) in texts.iter().enumerate() {
        for (other, there) in &texts[index + 1..] {
            assert!(
                at.intersect(there).is_none(),
                "{figure}: `{text}` and `{other}` stand on each other"
            );
        }
    }
    (width, height)
}

fn parse(svg: &str) -> Tree {
    let mut fonts = Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = Options {
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    Tree::from_str(svg, &options).unwrap()
}

/// Every text with the box that its letters fill.
fn collect(group: &Group, texts: &mut Vec<(String, Rect)>) {
    for node in group.children() {
        match node {
            Node::Group(inner) => collect(inner, texts),
            Node::Text(text) => {
                let words: Vec<&str> = text.chunks().iter().map(|chunk| chunk.text()).collect();
                texts.push((words.concat(), text.abs_bounding_box()));
            }
            _ => {}
        }
    }
}
