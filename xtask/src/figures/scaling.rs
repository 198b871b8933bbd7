//! Time against size, both logarithmic: a panel for scans, by tools, and one for OATS-S1, by outcomes.

use anyhow::Result;
use oats_harness::{Growth, Scaling, growths, rows::ScalingRow};
use plotters::{element::DashedPathElement, prelude::*, style::text_anchor::HPos};

use super::{
    names::{Column, Name, Spot},
    style::{self, Canvas},
};

const SIZE: (u32, u32) = (1180, 640);
const TOP: u32 = 92;
const PANEL: u32 = 590;
/// To the right of a panel, for names.
const NAMES: i32 = 190;

pub(super) fn draw(study: &Scaling, rows: &[ScalingRow], title: &str) -> Result<Option<String>> {
    let growths = growths(rows);
    if growths.is_empty() {
        return Ok(None);
    }
    let svg = style::svg(SIZE, |canvas| {
        let lines = [
            format!(
                "Made-up unit vectors of {} components. Marks: medians, with a line down to the least. Behind each name: \
                 the exponent of the power law through its points.",
                study.dimension
            ),
            format!(
                "Thick: {}. Thin: one. Scans: of one query. S1: logged, over {} tools, then {} more outcomes; \
                 labelled, over {} tools, then {} more queries.",
                threads(&growths),
                study.logged.tools,
                study.logged.added,
                study.labelled.tools,
                study.labelled.added
            ),
        ];
        style::heading(canvas, title, &lines)?;
        for (column, along) in ["tools", "outcomes"].into_iter().enumerate() {
            let corner = (PANEL * column as u32, TOP);
            let area = canvas.clone().shrink(corner, (PANEL, SIZE.1 - TOP));
            let own: Vec<&Growth> = growths
                .iter()
                .filter(|growth| growth.along == along)
                .collect();
            draw_panel(&area, along, &own, rows)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// `2 threads`: the most.
fn threads(growths: &[Growth]) -> String {
    let most = growths.iter().map(|growth| growth.threads).max();
    match most.unwrap_or(1) {
        1 => "1 thread".to_owned(),
        most => format!("{most} threads"),
    }
}

fn draw_panel(
    area: &Canvas<'_>,
    along: &str,
    growths: &[&Growth],
    rows: &[ScalingRow],
) -> Result<()> {
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
        let (px, py) = chart.backend_coord(&(size.log10(), time.log10().max(y.0)));
        (px - left, py - top)
    };
    let most = growths.iter().map(|growth| growth.threads).max();
    let mut names: Vec<Name> = Vec::new();
    for growth in growths {
        let look = Look::of(&growth.operation);
        let on_all = Some(growth.threads) == most;
        let line: Vec<Spot> = growth.points.iter().copied().map(pixel).collect();
        let stroke = look.colour.stroke_width(if on_all { 3 } else { 1 });
        match look.dashes {
            Some((dash, gap)) => {
                area.draw(&DashedPathElement::new(line.clone(), dash, gap, stroke))?
            }
            None => area.draw(&PathElement::new(line.clone(), stroke))?,
        }
        for (&(size, _), at) in growth.points.iter().zip(&line) {
            if let Some(least) = least(rows, growth, size) {
                let ends = [*at, pixel((size, least))];
                area.draw(&PathElement::new(ends, look.colour.stroke_width(1)))?;
            }
            look.mark(area, *at, if on_all { 4 } else { 2 })?;
        }
        if let Some(end) = line.last().filter(|_| on_all) {
            let exponent = growth.exponent;
            let exponent = exponent.map_or(String::new(), |(slope, _)| format!(": {slope:.2}"));
            names.push(Name {
                at: *end,
                words: format!("{}{exponent}", name(&growth.operation)),
                colour: look.colour,
            });
        }
    }
    // Right of all lines.
    let margin = names.iter().map(|name| name.at.0).max().unwrap_or(0) + 24;
    let names_in = Column {
        x: margin,
        side: HPos::Left,
        within: (
            pixel((1.0, 10f64.powf(y.1))).1,
            pixel((1.0, 10f64.powf(y.0))).1,
        ),
        size: 13,
    };
    names_in.write(area, names)?;
    Ok(())
}

/// The least milliseconds that were measured at that size.
fn least(rows: &[ScalingRow], growth: &Growth, size: f64) -> Option<f64> {
    let mut rows = rows.iter().filter(|row| {
        row.quantity == "least-ms"
            && row.operation == growth.operation
            && row.threads.parse() == Ok(growth.threads)
    });
    let found = rows.find(|row| {
        let own = match growth.along {
            "tools" => &row.tools,
            _ => &row.outcomes,
        };
        own.parse() == Ok(size)
    });
    found.map(|row| row.value.get())
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

/// How an operation is drawn: what is no router's in greys, and what is S1's in its colour.
struct Look {
    colour: RGBColor,
    dashes: Option<(i32, i32)>,
    is_square: bool,
    is_open: bool,
}

impl Look {
    fn of(operation: &str) -> Self {
        const GREY: RGBColor = RGBColor(150, 150, 150);
        let (scan, learn) = (style::INK, style::colour("oats-s1"));
        let (colour, dashes, is_square, is_open) = match operation {
            "read" => (GREY, None, false, false),
            "scan-f32" => (scan, None, false, false),
            "scan-int8" => (scan, Some((8, 5)), true, false),
            "scan-screened" => (style::FAINT, Some((3, 5)), true, true),
            "s1-logged" => (learn, None, false, false),
            "s1-logged-more" => (learn, Some((8, 5)), false, true),
            "s1-labelled" => (learn, None, true, false),
            _ => (learn, Some((8, 5)), true, true),
        };
        Self {
            colour,
            dashes,
            is_square,
            is_open,
        }
    }

    fn mark(&self, area: &Canvas<'_>, at: Spot, radius: i32) -> Result<()> {
        let styles = match self.is_open {
            true => vec![WHITE.filled(), self.colour.stroke_width(2)],
            false => vec![self.colour.filled()],
        };
        for style in styles {
            if self.is_square {
                let corners = [
                    (at.0 - radius, at.1 - radius),
                    (at.0 + radius, at.1 + radius),
                ];
                area.draw(&Rectangle::new(corners, style))?;
            } else {
                area.draw(&Circle::new(at, radius, style))?;
            }
        }
        Ok(())
    }
}
