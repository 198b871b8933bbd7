//! Ours and the peers by their times, p50 to p99: a panel for each dataset, a line for each side, by task.

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
    /// A side's times, from few threads to many.
    Side(&'a str, Vec<Time>),
}

/// In milliseconds.
#[derive(Clone, Copy)]
struct Time {
    p50: f64,
    p99: f64,
}

/// Others' libraries are no router's colour.
const OTHERS: RGBColor = RGBColor(110, 110, 110);

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
    let decades = style::decades(times.flat_map(|time| [time.p50, time.p99]));
    let most = panels.iter().map(|(_, lines)| lines.len()).max();
    let (Some(decades), Some(most)) = (decades, most) else {
        return Ok(None);
    };
    let height = HEIGHT * most as u32 + MARGINS.1 + 20;
    let size = ((WIDTH * panels.len() as u32).max(900), TOP + height);
    let svg = style::svg(size, |canvas| {
        let lines = [
            "Milliseconds within one run. Mark: p50; the line ends at p99. Requests: test queries of the query split, \
             over the whole catalogue."
                .to_owned(),
            format!(
                "Filled: one thread; rings: {}. Routers here have their colour in all figures; grey: other libraries.",
                threads(rows)
            ),
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
        let of = |quantity: &str, like: Option<&PeerRow>| -> Vec<&'a PeerRow> {
            rows.iter()
                .filter(|row| {
                    row.dataset == dataset && row.task == task && row.quantity == quantity
                })
                .filter(|row| {
                    like.is_none_or(|like| row.peer == like.peer && row.threads == like.threads)
                })
                .collect()
        };
        let mut timed: Vec<(&str, usize, Time)> = of("p50-ms", None)
            .into_iter()
            .filter_map(|row| {
                let p50 = row.value.get();
                let p99 = of("p99-ms", Some(row))
                    .first()
                    .map_or(p50, |row| row.value.get());
                Some((
                    row.peer.as_str(),
                    row.threads.parse().ok()?,
                    Time { p50, p99 },
                ))
            })
            .collect();
        timed.sort_by_key(|&(_, threads, _)| threads);
        let mut sides: Vec<(&str, Vec<Time>)> = Vec::new();
        for (side, _, time) in timed {
            match sides.iter_mut().find(|(name, _)| *name == side) {
                Some((_, times)) => times.push(time),
                None => sides.push((side, vec![time])),
            }
        }
        if sides.is_empty() {
            continue;
        }
        sides.sort_by(|(_, a), (_, b)| a[0].p50.total_cmp(&b[0].p50));
        lines.push(Line::Task(title));
        lines.extend(
            sides
                .into_iter()
                .map(|(side, times)| Line::Side(side, times)),
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
            Line::Side(side, times) => {
                let colour = colour(side);
                let text = style::text(12, colour).pos(anchor);
                area.draw(&Text::new(*side, (edge - 6, y), text))?;
                for (index, time) in times.iter().enumerate() {
                    // One thread's line above the others'.
                    let lane = if index == 0 { -3 } else { 3 };
                    let [at, end] = [time.p50, time.p99].map(|ms| {
                        let (x, y) = pixel(ms.log10());
                        (x, y + lane)
                    });
                    let stroke = colour.mix(0.7).stroke_width(1);
                    area.draw(&PathElement::new([at, end], stroke))?;
                    match index {
                        0 => area.draw(&Circle::new(at, 4, colour.filled()))?,
                        _ => {
                            area.draw(&Circle::new(at, 4, WHITE.filled()))?;
                            area.draw(&Circle::new(at, 4, colour.stroke_width(1)))?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// The router's of a side that is here: `oats dense minilm` has that of `dense`.
fn colour(side: &str) -> RGBColor {
    let Some(router) = side.strip_prefix("oats ") else {
        return OTHERS;
    };
    match router.split(' ').next() {
        Some("s1") => style::colour("oats-s1"),
        kind => style::colour(kind.unwrap_or_default()),
    }
}

/// `2 threads`, of the rows on more than one.
fn threads(rows: &[PeerRow]) -> String {
    let more = rows
        .iter()
        .filter_map(|row| row.threads.parse::<usize>().ok());
    let more: std::collections::BTreeSet<usize> = more.filter(|threads| *threads > 1).collect();
    let more: Vec<String> = more.iter().map(ToString::to_string).collect();
    format!(
        "{} threads",
        if more.is_empty() {
            "more".to_owned()
        } else {
            more.join(", ")
        }
    )
}
