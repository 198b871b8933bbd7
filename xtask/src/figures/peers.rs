//! Ours and the peers by their median times: a panel for each dataset, a line for each side, by task.

use anyhow::Result;
use oats_harness::rows::PeerRow;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS, ordered,
    style::{self, Canvas},
};

const TASKS: [(&str, &str); 4] = [
    ("route", "A text to five tools, by vectors"),
    ("words", "A text to five tools, by words"),
    ("regression", "A vector to five tools, by regression"),
    ("s1-all", "Stage 1 on all queries"),
];

const TOP: u32 = 96;
const WIDTH: u32 = 560;
/// Of a line.
const HEIGHT: u32 = 20;
/// For the sides' names, and for the axis.
const MARGINS: (u32, u32) = (190, 50);

/// A line of a panel.
enum Line<'a> {
    Task(&'a str),
    /// A side's milliseconds, from few threads to many.
    Side(&'a str, Vec<f64>),
}

pub(super) fn draw(rows: &[PeerRow], title: &str) -> Result<Option<String>> {
    let datasets = ordered(rows.iter().map(|row| row.dataset.as_str()), &DATASETS);
    let panels: Vec<(&str, Vec<Line<'_>>)> = datasets
        .into_iter()
        .map(|dataset| (dataset, lines(rows, dataset)))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    let times = panels
        .iter()
        .flat_map(|(_, lines)| lines)
        .flat_map(|line| match line {
            Line::Side(_, times) => times.as_slice(),
            Line::Task(_) => &[],
        });
    let decades = style::decades(times.copied());
    let most = panels.iter().map(|(_, lines)| lines.len()).max();
    let (Some(decades), Some(most)) = (decades, most) else {
        return Ok(None);
    };
    let height = HEIGHT * most as u32 + MARGINS.1 + 20;
    let size = ((WIDTH * panels.len() as u32).max(900), TOP + height);
    let svg = style::svg(size, |canvas| {
        let lines = [
            "Median milliseconds within one run, over the whole catalogue; of requests, test queries of the query split."
                .to_owned(),
            "Filled: one thread; rings: more. Orange: the routers here; blue: other libraries.".to_owned(),
        ];
        style::heading(canvas, title, &lines)?;
        for (column, (dataset, lines)) in panels.iter().enumerate() {
            let area = canvas
                .clone()
                .shrink((WIDTH * column as u32, TOP), (WIDTH, height));
            draw_panel(&area, dataset, lines, decades, most)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// Each task's sides, the fastest first.
fn lines<'a>(rows: &'a [PeerRow], dataset: &str) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for (task, title) in TASKS {
        let mut timed: Vec<(&str, usize, f64)> = rows
            .iter()
            .filter(|row| row.dataset == dataset && row.task == task && row.quantity == "p50-ms")
            .filter_map(|row| {
                Some((
                    row.peer.as_str(),
                    row.threads.parse().ok()?,
                    row.value.get(),
                ))
            })
            .collect();
        timed.sort_by_key(|&(_, threads, _)| threads);
        let mut sides: Vec<(&str, Vec<f64>)> = Vec::new();
        for (side, _, value) in timed {
            match sides.iter_mut().find(|(name, _)| *name == side) {
                Some((_, values)) => values.push(value),
                None => sides.push((side, vec![value])),
            }
        }
        if sides.is_empty() {
            continue;
        }
        sides.sort_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]));
        lines.push(Line::Task(title));
        lines.extend(
            sides
                .into_iter()
                .map(|(side, values)| Line::Side(side, values)),
        );
    }
    lines
}

fn draw_panel(
    area: &Canvas<'_>,
    dataset: &str,
    lines: &[Line<'_>],
    (from, to): (f64, f64),
    most: usize,
) -> Result<()> {
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .margin_right(28)
        .x_label_area_size(MARGINS.1 - 10)
        .y_label_area_size(MARGINS.0)
        .build_cartesian_2d(from..to, most as f64..0.0)?;
    style::axes(&mut chart.configure_mesh())
        .disable_y_mesh()
        .y_labels(0)
        .x_labels((to - from) as usize + 1)
        .x_label_formatter(&|decade| style::amount(*decade))
        .x_desc(format!("{dataset}: milliseconds"))
        .draw()?;
    let (left, top) = area.get_base_pixel();
    for (position, line) in lines.iter().enumerate() {
        let pixel = |decade: f64| {
            let (x, y) = chart.backend_coord(&(decade.clamp(from, to), position as f64 + 0.5));
            (x - left, y - top)
        };
        let (edge, y) = pixel(from);
        let anchor = Pos::new(HPos::Right, VPos::Center);
        match line {
            Line::Task(title) => {
                let anchor = Pos::new(HPos::Left, VPos::Center);
                let at = (edge + 4, y);
                area.draw(&Text::new(
                    *title,
                    at,
                    style::text(12, style::INK).pos(anchor),
                ))?;
            }
            Line::Side(side, values) => {
                let colour = style::series(if side.starts_with("oats ") { 0 } else { 5 });
                let text = style::text(12, colour).pos(anchor);
                area.draw(&Text::new(*side, (edge - 6, y), text))?;
                for (index, value) in values.iter().enumerate() {
                    let at = pixel(value.log10());
                    match index {
                        0 => area.draw(&Circle::new(at, 4, colour.filled()))?,
                        _ => area.draw(&Circle::new(at, 6, colour.stroke_width(1)))?,
                    }
                }
            }
        }
    }
    Ok(())
}
