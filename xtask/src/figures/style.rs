//! The visual language that all figures share.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use miniz_oxide::deflate::compress_to_vec_zlib;
use plotters::{
    chart::MeshStyle,
    coord::{Shift, ranged1d::ValueFormatter, types::RangedCoordf64},
    prelude::*,
    style::register_font,
};
use resvg::{tiny_skia, usvg};

/// What figures are drawn on, in pixels.
pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Axes and grid of a chart of numbers by numbers.
type Mesh<'a, 'b, 'c, X> = MeshStyle<'a, 'b, X, RangedCoordf64, SVGBackend<'c>>;

pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
pub(super) const FAINT: RGBColor = RGBColor(110, 110, 110);
pub(super) const GRID: RGBColor = RGBColor(226, 226, 226);

/// The signs of a difference, and of examples for and against: no router has these colours, and the colour-blind
/// tell them apart.
pub(super) const BETTER: RGBColor = RGBColor(77, 146, 33);
pub(super) const WORSE: RGBColor = RGBColor(148, 0, 211);

/// A router's colour: the palette of Okabe and Ito (2008), and where that ends, of Tol (2021); the
/// colour-blind can read both.
pub(super) fn colour(router: &str) -> RGBColor {
    const FAMILIES: [(&str, RGBColor); 18] = [
        ("dense", RGBColor(0, 114, 178)),
        ("bm25", RGBColor(230, 159, 0)),
        ("oats-s1", RGBColor(213, 94, 0)),
        ("oats-s2", RGBColor(204, 121, 167)),
        ("oats-s3", RGBColor(0, 158, 115)),
        ("oats-plus", RGBColor(238, 51, 119)),
        ("shrinkage", RGBColor(204, 187, 68)),
        ("adapter-ridge", RGBColor(86, 180, 233)),
        ("adapter-procrustes", RGBColor(68, 170, 153)),
        ("geometry", RGBColor(17, 119, 51)),
        ("multi-vector", RGBColor(170, 68, 153)),
        ("rnn", RGBColor(136, 34, 85)),
        ("encoder", RGBColor(51, 34, 136)),
        ("linear", RGBColor(153, 153, 51)),
        ("knn", RGBColor(34, 34, 34)),
        ("hybrid", RGBColor(102, 77, 0)),
        ("threshold-se", RGBColor(0, 114, 178)),
        ("threshold-s1", RGBColor(213, 94, 0)),
    ];
    FAMILIES
        .iter()
        .find(|(family, _)| router.starts_with(family))
        .map_or(RGBColor(120, 120, 120), |(_, colour)| *colour)
}

/// A dash and the gap after it in pixels, of a router that is a variant of one whose colour it shares; `None` for
/// a solid line. Variants of the same colour have dashes of their own.
pub(super) fn dashes(router: &str) -> Option<(i32, i32)> {
    const ENDS: [(&str, (i32, i32)); 13] = [
        ("-se-no-outcomes", (2, 4)),
        ("-no-outcomes", (2, 8)),
        ("-se", (8, 4)),
        ("-gated", (8, 4)),
        ("-int8", (8, 4)),
        ("-gumbel", (8, 4)),
        ("-successes", (2, 4)),
        ("-reinforce", (8, 4)),
        ("-no-attention", (8, 4)),
        ("-folded", (8, 4)),
        ("-calibrated", (2, 4)),
        ("-calibrated-s1", (2, 4)),
        ("-hubness", (8, 4)),
    ];
    let end = ENDS.iter().find(|(end, _)| router.ends_with(end));
    end.map(|(_, dashes)| *dashes)
}

/// What a router is called in figures.
pub(crate) fn title(router: &str) -> &str {
    match router {
        "random" => "chance",
        "dense" => "SE",
        "dense-int8" => "SE, int8",
        "bm25" => "BM25",
        "oats-s1" => "OATS-S1",
        "oats-s2-se" => "OATS-S2 on SE",
        "oats-s2-s1" => "OATS-S2 on S1",
        "oats-s2-s1-no-outcomes" => "S2 on S1, no outcomes",
        "oats-s2-se-no-outcomes" => "S2 on SE, no outcomes",
        "oats-s1-gated" => "OATS-S1, gated",
        "oats-s3" => "OATS-S3",
        "oats-plus" => "OATS+",
        "adapter-ridge" => "ridge adapter",
        "adapter-ridge-folded" => "ridge adapter, folded",
        "adapter-ridge-s1" => "ridge adapter on S1",
        "adapter-ridge-s1-folded" => "ridge adapter on S1, folded",
        "adapter-procrustes" => "rotation",
        "adapter-procrustes-s1" => "rotation on S1",
        "geometry" => "SE, centred",
        "geometry-s1" => "S1, centred",
        "geometry-s1-hubness" => "S1, hubs discounted",
        "multi-vector" => "several vectors",
        "hybrid-rrf" => "BM25 + SE, by rank",
        "hybrid-sum" => "BM25 + SE, by score",
        "hybrid-sum-s1" => "BM25 + S1, by score",
        "hybrid-calibrated" => "BM25 + SE, calibrated",
        "hybrid-calibrated-s1" => "BM25 + S1, calibrated",
        "linear" => "logistic regression",
        "knn" => "nearest queries",
        "rnn" => "RNN",
        "rnn-gumbel" => "RNN, Gumbel",
        "rnn-successes" => "RNN, successes",
        "rnn-reinforce" => "RNN, REINFORCE",
        "rnn-sequence" => "RNN, until it stops",
        "threshold-se" => "SE, threshold",
        "threshold-s1" => "OATS-S1, threshold",
        "encoder" => "encoder",
        "encoder-no-attention" => "encoder, no attention",
        other => other,
    }
}

/// Rows of routers: their titles and colours.
pub(super) fn rows<'a>(routers: &[&'a str]) -> Vec<(&'a str, RGBColor)> {
    let row = |router: &&'a str| (title(router), colour(router));
    routers.iter().map(row).collect()
}

/// The colour of the series at that position, where no routers are shown.
pub(super) fn series(position: usize) -> RGBColor {
    const COLOURS: [RGBColor; 6] = [
        RGBColor(213, 94, 0),
        RGBColor(204, 121, 167),
        RGBColor(230, 159, 0),
        RGBColor(0, 158, 115),
        RGBColor(86, 180, 233),
        RGBColor(0, 114, 178),
    ];
    COLOURS[position % COLOURS.len()]
}

/// What is shown to an LLM, as figures say it.
pub(super) fn shown(label: &str) -> String {
    match label.strip_prefix("top-") {
        Some(k) => format!("router's top {k}"),
        None => label.to_owned(),
    }
}

/// The multiples of 0.05 that hold all values: the ends of an axis.
pub(super) fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let ends = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    (
        (ends.0 * 20.0).floor() / 20.0,
        (ends.1 * 20.0).ceil() / 20.0,
    )
}

/// The decades that hold all values above zero: the ends of a logarithmic axis. None without any.
pub(super) fn decades(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let logs: Vec<f64> = values
        .filter(|value| *value > 0.0)
        .map(f64::log10)
        .collect();
    let low = logs.iter().copied().reduce(f64::min)?.floor();
    let high = logs.iter().copied().reduce(f64::max)?.ceil();
    Some((low, high.max(low + 1.0)))
}

/// A decade of a logarithmic axis: `100`, `1k`; nothing between decades.
pub(super) fn amount(decade: f64) -> String {
    if (decade - decade.round()).abs() > 1e-6 {
        return String::new();
    }
    match decade.round() {
        6.0.. => format!("{:.0}M", 10f64.powf(decade - 6.0)),
        3.0.. => format!("{:.0}k", 10f64.powf(decade - 3.0)),
        0.0.. => format!("{:.0}", 10f64.powf(decade)),
        _ => format!("{}", 10f64.powf(decade.round())),
    }
}

/// The same in dollars: `$100`, `$1k`.
pub(super) fn dollars(decade: f64) -> String {
    match amount(decade) {
        empty if empty.is_empty() => empty,
        amount => format!("${amount}"),
    }
}

/// Text in the figures' only face, in the colour or as much darker as it takes to be read.
pub(super) fn text(size: u32, colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&text_of(colour))
}

/// The lightest shade of the colour that can be read on white: marks may be paler than letters. The WCAG asks for
/// 4.5 to 1, which 5 to 1 still is where the page dims figures in the dark.
fn text_of(colour: RGBColor) -> RGBColor {
    const LEAST: f64 = 5.0;
    let shade = |percent: u16| {
        let part = |value: u8| (u16::from(value) * percent / 100) as u8;
        RGBColor(part(colour.0), part(colour.1), part(colour.2))
    };
    let mut shades = (0..=100).rev().map(shade);
    shades
        .find(|shade| 1.05 / (luminance(*shade) + 0.05) >= LEAST)
        .unwrap_or(BLACK)
}

/// Relative luminance, from 0 for black to 1 for white.
fn luminance(RGBColor(red, green, blue): RGBColor) -> f64 {
    let linear = |value: u8| match f64::from(value) / 255.0 {
        dark @ ..=0.04045 => dark / 12.92,
        light => ((light + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

/// A title with lines below it, at the top left.
pub(super) fn heading(canvas: &Canvas<'_>, title: &str, lines: &[String]) -> Result<()> {
    canvas.draw(&Text::new(title, (20, 16), text(24, INK)))?;
    for (line, words) in lines.iter().enumerate() {
        let at = (20, 48 + 20 * line as i32);
        canvas.draw(&Text::new(words.as_str(), at, text(14, FAINT)))?;
    }
    Ok(())
}

/// The look of axes and grid that all figures share.
pub(super) fn axes<'m, 'a, 'b, 'c, X>(
    mesh: &'m mut Mesh<'a, 'b, 'c, X>,
) -> &'m mut Mesh<'a, 'b, 'c, X>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    mesh.axis_desc_style(text(14, INK))
        .label_style(text(12, FAINT))
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .axis_style(GRID)
}

/// Draws on a white canvas of the given size in pixels and returns the SVG.
pub(super) fn svg<F>(size: (u32, u32), paint: F) -> Result<String>
where
    F: FnOnce(&Canvas<'_>) -> Result<()>,
{
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| anyhow!("the bundled font cannot be read"))?;
    let mut svg = String::new();
    {
        let canvas = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        canvas.fill(&WHITE)?;
        paint(&canvas)?;
        canvas.present()?;
    }
    Ok(svg)
}

/// Renders an SVG as PNG, two pixels to one of the SVG's.
pub(super) fn rasterise(svg: &str) -> Result<Vec<u8>> {
    const SCALE: f32 = 2.0;
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(dejavu::sans::regular().to_vec());
    fonts.set_sans_serif_family("DejaVu Sans");
    let options = usvg::Options {
        fontdb: Arc::new(fonts),
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(svg, &options)?;
    let size = tree
        .size()
        .to_int_size()
        .scale_by(SCALE)
        .context("an empty figure")?;
    let mut pixels =
        tiny_skia::Pixmap::new(size.width(), size.height()).context("an empty figure")?;
    resvg::render(
        &tree,
        tiny_skia::Transform::from_scale(SCALE, SCALE),
        &mut pixels.as_mut(),
    );
    png_of(&pixels)
}

/// The pixels, which are opaque, as a PNG file. Deflated here: whom `png` has deflate depends on what other crates
/// of the build ask for, and so would the bytes.
fn png_of(pixels: &tiny_skia::Pixmap) -> Result<Vec<u8>> {
    const NO_FILTER: u8 = 0;
    let mut rows = Vec::new();
    for row in pixels.pixels().chunks(pixels.width() as usize) {
        rows.push(NO_FILTER);
        rows.extend(
            row.iter()
                .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]),
        );
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_chunk(png::chunk::IDAT, &compress_to_vec_zlib(&rows, 9))?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pale_colours_are_darker_in_text() {
        assert_eq!(text_of(INK), INK);
        for router in ["bm25", "adapter-ridge", "oats-s2-se", "linear", "random"] {
            let RGBColor(red, green, blue) = text_of(colour(router));
            let contrast = 1.05 / (luminance(RGBColor(red, green, blue)) + 0.05);
            assert!((5.0..5.4).contains(&contrast), "{router}: {contrast}");
        }
        // The pairs by which the WCAG's formula is known.
        assert!((luminance(WHITE) - 1.0).abs() < 1e-9);
        assert!((1.05 / (luminance(RGBColor(119, 119, 119)) + 0.05) - 4.48).abs() < 0.01);
    }

    #[test]
    fn routers_of_one_colour_have_lines_of_their_own() {
        let families: [&[&str]; 4] = [
            &[
                "oats-s2-s1",
                "oats-s2-se",
                "oats-s2-se-no-outcomes",
                "oats-s2-s1-no-outcomes",
            ],
            &["adapter-ridge-s1", "adapter-ridge-s1-folded"],
            &["geometry-s1", "geometry-s1-hubness"],
            &["hybrid-sum-s1", "hybrid-calibrated-s1"],
        ];
        for routers in families {
            for (index, one) in routers.iter().enumerate() {
                for other in &routers[index + 1..] {
                    assert_eq!(colour(one), colour(other));
                    assert_ne!(dashes(one), dashes(other), "{one} and {other}");
                }
            }
        }
    }

    #[test]
    fn families_have_colours_of_their_own() {
        let routers = [
            "dense",
            "bm25",
            "oats-s1",
            "oats-s2-s1",
            "oats-s3",
            "oats-plus",
            "shrinkage",
            "adapter-ridge-s1",
            "adapter-procrustes-s1",
            "geometry-s1",
            "multi-vector",
            "hybrid-sum-s1",
        ];
        for (index, one) in routers.iter().enumerate() {
            for other in &routers[index + 1..] {
                assert_ne!(colour(one), colour(other), "{one} and {other}");
            }
        }
    }
}
