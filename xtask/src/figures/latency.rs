//! How long requests take: a panel for each dataset, a row for each router, p50 to p99 by embedder.

use anyhow::Result;
use oats_harness::{Latency, rows::LatencyRow};
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS, ordered,
    style::{self, Canvas},
};

const LEFT: u32 = 200;
const TOP: u32 = 150;
const PANEL: u32 = 330;
const GAP: u32 = 34;
const ROW: u32 = 34;
/// Decades of milliseconds.
const FROM: f64 = -3.0;
const TO: f64 = 2.0;

/// How long a router takes with an embedder.
struct Range<'a> {
    embedder: &'a str,
    p50: f64,
    p99: f64,
}

pub(super) fn draw(study: &Latency, rows: &[LatencyRow], title: &str) -> Result<Option<String>> {
    let routers: Vec<&str> = study
        .routers
        .iter()
        .map(|router| router.label.as_str())
        .collect();
    let rows: Vec<&LatencyRow> = rows
        .iter()
        .filter(|row| row.pool == "catalogue" && row.stage == "all")
        .filter(|row| row.threads == "1" && row.callers == "1")
        .collect();
    let datasets = ordered(rows.iter().map(|row| row.dataset.as_str()), &DATASETS);
    if datasets.is_empty() {
        return Ok(None);
    }
    let mut embedders = ordered(
        rows.iter().map(|row| row.embedder.as_str()),
        &["static", "minilm-int8", "minilm"],
    );
    embedders.retain(|embedder| *embedder != "none");
    let height = ROW * routers.len() as u32;
    let size = (
        (LEFT + PANEL * datasets.len() as u32).max(900),
        TOP + height + 70,
    );
    let svg = style::svg(size, |canvas| {
        let caption = "Query split: text in to five ranked tools out, over the whole catalogue, one request at a time on \
                       one thread. Mark: p50; the line ends at p99.";
        style::heading(canvas, title, &[caption.to_owned()])?;
        legend(canvas, &embedders)?;
        for (line, router) in routers.iter().enumerate() {
            let y = TOP + ROW * line as u32 + ROW / 2;
            canvas.draw(&Text::new(
                style::title(router).to_owned(),
                (LEFT as i32 - 10, y as i32),
                style::text(14, style::colour(router)).pos(Pos::new(HPos::Right, VPos::Center)),
            ))?;
        }
        for (column, dataset) in datasets.iter().enumerate() {
            let left = LEFT + PANEL * column as u32;
            canvas.draw(&Text::new(
                (*dataset).to_owned(),
                (left as i32, TOP as i32 - 14),
                style::text(14, style::INK).pos(Pos::new(HPos::Left, VPos::Center)),
            ))?;
            let panel = canvas
                .clone()
                .shrink((left, TOP), (PANEL - GAP, height + 56));
            let own: Vec<&LatencyRow> = rows
                .iter()
                .copied()
                .filter(|row| row.dataset == *dataset)
                .collect();
            draw_panel(&panel, &routers, &embedders, &own)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn legend(canvas: &Canvas<'_>, embedders: &[&str]) -> Result<()> {
    let mut x = 28;
    for embedder in embedders.iter().chain(&["none"]) {
        draw_mark(canvas, embedder, (x, 94), style::INK)?;
        let words = match *embedder {
            "none" => "reads no embeddings".to_owned(),
            embedder => format!("with {embedder}"),
        };
        canvas.draw(&Text::new(
            words.clone(),
            (x + 14, 87),
            style::text(14, style::INK),
        ))?;
        x += 50 + 8 * words.len() as i32;
    }
    Ok(())
}

fn draw_mark(canvas: &Canvas<'_>, embedder: &str, at: (i32, i32), colour: RGBColor) -> Result<()> {
    match embedder {
        "static" => canvas.draw(&TriangleMarker::new(at, 6, colour.filled()))?,
        "minilm" => canvas.draw(&Circle::new(at, 5, colour.filled()))?,
        "none" => canvas.draw(&Cross::new(at, 4, colour.stroke_width(2)))?,
        _ => {
            canvas.draw(&Circle::new(at, 5, WHITE.filled()))?;
            canvas.draw(&Circle::new(at, 5, colour.stroke_width(2)))?;
        }
    }
    Ok(())
}

fn draw_panel(
    panel: &Canvas<'_>,
    routers: &[&str],
    embedders: &[&str],
    rows: &[&LatencyRow],
) -> Result<()> {
    let lines = routers.len() as f64;
    let mut chart = ChartBuilder::on(panel)
        .x_label_area_size(56)
        .build_cartesian_2d(FROM..TO, 0.0..lines)?;
    style::axes(&mut chart.configure_mesh())
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels((TO - FROM) as usize + 1)
        .x_label_formatter(&|decade| style::amount(*decade))
        .x_desc("milliseconds")
        .draw()?;
    let (left, top) = panel.get_base_pixel();
    for (line, router) in routers.iter().enumerate() {
        let ranges = ranges(router, embedders, rows);
        for (place, range) in ranges.iter().enumerate() {
            // Embedders one below the other within the router's row.
            let share = (place as f64 + 1.0) / (ranges.len() as f64 + 1.0);
            let y = lines - line as f64 - share;
            let pixel = |milliseconds: f64| {
                let decade = milliseconds.log10().clamp(FROM, TO);
                let (x, y) = chart.backend_coord(&(decade, y));
                (x - left, y - top)
            };
            let colour = style::colour(router);
            let ends = [pixel(range.p50), pixel(range.p99)];
            panel.draw(&PathElement::new(ends, colour.stroke_width(2)))?;
            draw_mark(panel, range.embedder, ends[0], colour)?;
        }
    }
    Ok(())
}

/// Of a router, with each embedder it was timed with.
fn ranges<'a>(router: &str, embedders: &[&str], rows: &[&'a LatencyRow]) -> Vec<Range<'a>> {
    let of = |embedder: &str, quantity: &str| {
        let mut rows = rows.iter().filter(|row| row.router == router);
        rows.find(|row| row.embedder == embedder && row.quantity == quantity)
    };
    embedders
        .iter()
        .chain(&["none"])
        .filter_map(|embedder| {
            let (p50, p99) = (of(embedder, "p50-ms")?, of(embedder, "p99-ms")?);
            Some(Range {
                embedder: &p50.embedder,
                p50: p50.value.get(),
                p99: p99.value.get(),
            })
        })
        .collect()
}
