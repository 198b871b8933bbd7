//! Time against size, both logarithmic: a panel for scans, by tools, and one for OATS-S1, by outcomes.

use anyhow::Result;
use oats_harness::Growth;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::style::{self, Canvas};

const SIZE: (u32, u32) = (1180, 640);
const TOP: u32 = 92;
const PANEL: u32 = 590;
/// To the right of a panel, for names.
const NAMES: i32 = 190;
const LEAST: i32 = 15;

pub(super) fn draw(growths: &[Growth], title: &str) -> Result<Option<String>> {
    if growths.is_empty() {
        return Ok(None);
    }
    let svg = style::svg(SIZE, |canvas| {
        let lines = [
            "Made-up unit vectors; median times. Behind each name: the exponent of the power law through its points."
                .to_owned(),
            "Solid: all threads. Thin: one thread.".to_owned(),
        ];
        style::heading(canvas, title, &lines)?;
        for (column, along) in ["tools", "outcomes"].into_iter().enumerate() {
            let corner = (PANEL * column as u32, TOP);
            let area = canvas.clone().shrink(corner, (PANEL, SIZE.1 - TOP));
            let own: Vec<&Growth> = growths
                .iter()
                .filter(|growth| growth.along == along)
                .collect();
            draw_panel(&area, along, &own)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn draw_panel(area: &Canvas<'_>, along: &str, growths: &[&Growth]) -> Result<()> {
    let points = || growths.iter().flat_map(|growth| &growth.points);
    let Some([x, y]) = style::decades(points().map(|point| point.0))
        .zip(style::decades(points().map(|p| p.1)))
        .map(|(x, y)| [x, y])
    else {
        return Ok(());
    };
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(NAMES)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
    style::axes(&mut chart.configure_mesh())
        .x_labels((x.1 - x.0) as usize + 1)
        .y_labels((y.1 - y.0) as usize + 1)
        .x_label_formatter(&|decade| style::amount(*decade))
        .y_label_formatter(&|decade| style::amount(*decade))
        .x_desc(along)
        .y_desc("milliseconds")
        .draw()?;
    let (left, top) = area.get_base_pixel();
    let pixel = |(size, time): (f64, f64)| {
        let (px, py) = chart.backend_coord(&(size.log10(), time.log10()));
        (px - left, py - top)
    };
    let most = growths.iter().map(|growth| growth.threads).max();
    let mut names: Vec<((i32, i32), String, RGBColor)> = Vec::new();
    for growth in growths {
        let colour = colour(&growth.operation);
        let on_all = Some(growth.threads) == most;
        let line: Vec<(i32, i32)> = growth.points.iter().copied().map(pixel).collect();
        let stroke = colour.stroke_width(if on_all { 3 } else { 1 });
        area.draw(&PathElement::new(line.clone(), stroke))?;
        for at in &line {
            area.draw(&Circle::new(
                *at,
                if on_all { 4 } else { 2 },
                colour.filled(),
            ))?;
        }
        if let Some(end) = line.last().filter(|_| on_all) {
            let exponent = growth.exponent;
            let exponent = exponent.map_or(String::new(), |(slope, _)| format!(": {slope:.2}"));
            names.push((
                *end,
                format!("{}{exponent}", name(&growth.operation)),
                colour,
            ));
        }
    }
    let heights = names
        .iter()
        .map(|((_, y), name, _)| (*y, name.as_str()))
        .collect();
    // Right of all lines, with a thin one to each that ends before.
    let margin = names.iter().map(|((x, _), ..)| *x).max().unwrap_or(0) + 24;
    for (y, name) in style::apart(heights, LEAST) {
        if let Some((end, _, colour)) = names.iter().find(|(_, other, _)| other == name) {
            let ends = [(end.0 + 6, end.1), (margin - 4, y)];
            area.draw(&PathElement::new(ends, colour.mix(0.4).stroke_width(1)))?;
            area.draw(&Text::new(
                name.to_owned(),
                (margin, y),
                style::text(13, *colour).pos(Pos::new(HPos::Left, VPos::Center)),
            ))?;
        }
    }
    Ok(())
}

fn name(operation: &str) -> &str {
    match operation {
        "read" => "plain read",
        "scan-f32" => "scan, f32",
        "scan-int8" => "scan, int8",
        "scan-screened" => "scan, screened",
        "s1-logged" => "S1, logged",
        "s1-logged-more" => "more logged outcomes",
        "s1-labelled" => "S1, labelled",
        "s1-labelled-more" => "more labelled queries",
        other => other,
    }
}

fn colour(operation: &str) -> RGBColor {
    match operation {
        "read" => style::FAINT,
        "scan-f32" => style::colour("dense"),
        "scan-int8" => style::colour("adapter-ridge"),
        "scan-screened" => style::colour("rnn"),
        "s1-logged" => style::colour("oats-s1"),
        "s1-logged-more" => style::colour("bm25"),
        "s1-labelled" => style::colour("oats-s3"),
        _ => style::colour("oats-s2"),
    }
}
