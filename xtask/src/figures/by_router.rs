//! NDCG@5 by router, with intervals: a panel for each dataset, embedder and pool, a row for each
//! router.

use anyhow::Result;
use oats_harness::rows::MetricRow;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::{
    DATASETS, POOLS, Shown, embedders, is_with, ordered,
    style::{self, Canvas},
};

const SPLITS: [&str; 3] = ["instance", "query", "tool"];

const LEFT: u32 = 210;
const TOP: u32 = 174;
const PANEL_WIDTH: u32 = 262;
const PANEL_GAP: u32 = 34;
const LEAST_WIDTH: u32 = 780;
const ROW: u32 = 36;
const PANEL_MARGIN: u32 = 76;

pub(super) fn draw(shown: &Shown<'_>, title: &str) -> Result<Option<String>> {
    let rows = &shown.rows;
    if rows.is_empty() {
        return Ok(None);
    }
    let mut columns: Vec<(&str, &str)> = Vec::new();
    for dataset in ordered(rows.iter().map(|row| row.dataset.as_str()), &DATASETS) {
        let own = rows.iter().copied().filter(|row| row.dataset == dataset);
        columns.extend(
            embedders(own)
                .into_iter()
                .map(|embedder| (dataset, embedder)),
        );
    }
    let pools = ordered(rows.iter().map(|row| row.pool.as_str()), &POOLS);
    let mut routers = ordered(rows.iter().map(|r| r.router.as_str()), &shown.routers);
    routers.reverse(); // the vertical axis grows upwards

    let panel_height = ROW * routers.len() as u32;
    let size = (
        (LEFT + PANEL_WIDTH * columns.len() as u32).max(LEAST_WIDTH),
        TOP + (panel_height + PANEL_MARGIN) * pools.len() as u32,
    );
    let svg = style::svg(size, |canvas| {
        let caption = format!("{} No mark: not run.", shown.caption("bars"));
        style::heading(canvas, title, &[caption])?;
        legend(canvas)?;
        for (line, pool) in pools.iter().enumerate() {
            let top = TOP + (panel_height + PANEL_MARGIN) * line as u32;
            for (index, router) in routers.iter().enumerate() {
                let y = top + panel_height - ROW * index as u32 - ROW / 2;
                canvas.draw(&Text::new(
                    style::title(router).to_owned(),
                    (LEFT as i32 - 10, y as i32),
                    style::text(15, style::colour(router)).pos(Pos::new(HPos::Right, VPos::Center)),
                ))?;
            }
            for (column, (dataset, embedder)) in columns.iter().enumerate() {
                let left = LEFT + PANEL_WIDTH * column as u32;
                let panel = canvas
                    .clone()
                    .shrink((left, top), (PANEL_WIDTH - PANEL_GAP, panel_height + 40));
                let panel_rows: Vec<&&MetricRow> = rows
                    .iter()
                    .filter(|row| row.dataset == *dataset && row.pool == *pool)
                    .filter(|row| is_with(row, embedder))
                    .collect();
                canvas.draw(&Text::new(
                    format!("{dataset}, {pool} ({embedder})"),
                    (left as i32, top as i32 - 14),
                    style::text(14, style::INK).pos(Pos::new(HPos::Left, VPos::Center)),
                ))?;
                draw_panel(&panel, &routers, &panel_rows)?;
            }
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

fn legend(canvas: &Canvas<'_>) -> Result<()> {
    let meanings = [
        "instance split: test queries may stand in training (with candidates: the paper's protocol)",
        "query split: no query text on both sides",
        "tool split: the test queries' tools have no training outcomes",
    ];
    for (line, (split, meaning)) in SPLITS.iter().zip(meanings).enumerate() {
        let y = 84 + 22 * line as i32;
        draw_mark(canvas, split, (28, y), style::INK)?;
        canvas.draw(&Text::new(
            meaning,
            (44, y - 7),
            style::text(14, style::INK),
        ))?;
    }
    Ok(())
}

fn draw_mark(canvas: &Canvas<'_>, split: &str, at: (i32, i32), colour: RGBColor) -> Result<()> {
    match split {
        "instance" => {
            canvas.draw(&Circle::new(at, 5, WHITE.filled()))?;
            canvas.draw(&Circle::new(at, 5, colour.stroke_width(2)))?;
        }
        "query" => canvas.draw(&Circle::new(at, 5, colour.filled()))?,
        _ => canvas.draw(&TriangleMarker::new(at, 6, colour.filled()))?,
    }
    Ok(())
}

fn draw_panel(panel: &Canvas<'_>, routers: &[&str], rows: &[&&MetricRow]) -> Result<()> {
    let mut chart = ChartBuilder::on(panel)
        .x_label_area_size(40)
        .build_cartesian_2d(0.0..1.0, 0.0..routers.len() as f64)?;
    style::axes(&mut chart.configure_mesh())
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(6)
        .x_label_formatter(&|x| format!("{x:.1}"))
        .x_desc("NDCG@5")
        .draw()?;
    for row in rows {
        let Some(index) = routers.iter().position(|router| row.router == *router) else {
            continue;
        };
        let lane = SPLITS
            .iter()
            .position(|&split| split == row.split)
            .unwrap_or(0);
        let y = index as f64 + 0.5 + 0.27 * (1.0 - lane as f64);
        let colour = style::colour(&row.router);
        let pixel = |x: f64| {
            let (px, py) = chart.backend_coord(&(x, y));
            let (origin_x, origin_y) = panel.get_base_pixel();
            (px - origin_x, py - origin_y)
        };
        let line = [pixel(row.ci_low.get()), pixel(row.ci_high.get())];
        panel.draw(&PathElement::new(line, colour.stroke_width(2)))?;
        draw_mark(panel, &row.split, pixel(row.value.get()), colour)?;
    }
    Ok(())
}
