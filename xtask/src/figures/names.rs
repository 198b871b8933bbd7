//! Names of marks: in a column beside them, or each where there is room around its mark.

use anyhow::Result;
use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::style::{self, Canvas};

/// In pixels.
pub(super) type Spot = (i32, i32);

/// A rectangle of pixels: left, top, right, bottom.
pub(super) type Area = [i32; 4];

/// What a mark is called.
pub(super) struct Name {
    /// The mark.
    pub(super) at: Spot,
    pub(super) words: String,
    pub(super) colour: RGBColor,
}

/// Names one below the other, each as near to its mark's height as the others let it.
pub(super) struct Column {
    /// Where the names begin, or end if `side` is [`HPos::Right`].
    pub(super) x: i32,
    pub(super) side: HPos,
    /// The least and the greatest height of a name's middle.
    pub(super) within: (i32, i32),
    /// Of the letters.
    pub(super) size: u32,
}

impl Column {
    /// Writes the names, each with a thin line to its mark, and returns where they stand.
    pub(super) fn write(&self, canvas: &Canvas<'_>, mut names: Vec<Name>) -> Result<Vec<Area>> {
        names.sort_by_key(|name| name.at.1);
        let heights: Vec<i32> = names.iter().map(|name| name.at.1).collect();
        let line = self.size as i32 + 3;
        let heights = apart(&heights, line, self.within);
        let (leaves, arrives) = match self.side {
            HPos::Right => (-5, 4),
            _ => (5, -4),
        };
        for (name, y) in names.iter().zip(&heights) {
            let leader = [(name.at.0 + leaves, name.at.1), (self.x + arrives, *y)];
            let stroke = name.colour.mix(0.4).stroke_width(1);
            canvas.draw(&PathElement::new(leader, stroke))?;
        }
        let mut places = Vec::new();
        for (name, y) in names.into_iter().zip(heights) {
            let width = width(canvas, &name.words, self.size)?;
            let left = match self.side {
                HPos::Right => self.x - width,
                _ => self.x,
            };
            let place = [left, y - line / 2, left + width, y + line / 2];
            // No line of the chart runs through the letters.
            let plate = [(place[0], place[1]), (place[2], place[3])];
            canvas.draw(&Rectangle::new(plate, WHITE.filled()))?;
            let words = style::text(self.size, name.colour);
            let words = words.pos(Pos::new(self.side, VPos::Center));
            canvas.draw(&Text::new(name.words, (self.x, y), words))?;
            places.push(place);
        }
        Ok(places)
    }
}

/// How wide the words are, in pixels.
pub(super) fn width(canvas: &Canvas<'_>, words: &str, size: u32) -> Result<i32> {
    let (width, _) = canvas.estimate_text_size(words, &style::text(size, style::INK))?;
    Ok(width as i32 + 2)
}

/// Heights for labels that belong to the given heights, which rise: at least `least` apart, in the same order, and
/// together as near to where they belong as can be, by the sum of squares; so labels that crowd stand around the
/// middle of their marks. All are within the given ends if there is room for them, else they begin at the first.
///
/// Less `least` for each label before it, a label's height need only not be less than the last one's: what is
/// nearest then is found by pooling adjacent violators, and within ends by cutting that off at them.
fn apart(heights: &[i32], least: i32, (from, to): (i32, i32)) -> Vec<i32> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    let mean = |(sum, count): (f64, usize)| sum / count as f64;
    for (place, height) in (0..).zip(heights) {
        let mut pool = (f64::from(height - place * least), 1);
        while let Some(last) = pools.pop_if(|last| mean(*last) > mean(pool)) {
            pool = (last.0 + pool.0, last.1 + pool.1);
        }
        pools.push(pool);
    }
    let last = (to - (heights.len() as i32 - 1) * least).max(from);
    let free = pools
        .into_iter()
        .flat_map(|pool| std::iter::repeat_n(mean(pool).round() as i32, pool.1));
    (0..)
        .zip(free)
        .map(|(place, height)| height.clamp(from, last) + place * least)
        .collect()
}

/// Names beside their marks, where they hide the fewest of the spots `taken` and nothing `written`, with a line to
/// those that stand off. Above each are `free` pixels.
pub(super) fn beside(
    canvas: &Canvas<'_>,
    within: Area,
    (size, free): (u32, i32),
    names: &[Name],
    taken: &[Spot],
    mut written: Vec<Area>,
) -> Result<()> {
    for Name { at, words, colour } in names {
        let style = style::text(size, *colour);
        let (width, height) = canvas.estimate_text_size(words, &style)?;
        let (width, height) = (width as i32 + 2, height as i32 + 2);
        let around = |away: i32| {
            let (x, y) = *at;
            let (half, middle) = (width / 2, height / 2);
            [
                (x + away, y - middle),
                (x - away - width, y - middle),
                (x - half, y - away - height),
                (x - half, y + away),
                (x + away, y - away - height),
                (x + away, y + away),
                (x - away - width, y - away - height),
                (x - away - width, y + away),
            ]
            .map(|(left, top)| (away, [left, top, left + width, top + height]))
        };
        let with_room = |[left, top, right, bottom]: &Area| [*left, top - free, *right, *bottom];
        let is_free = |place: &Area| {
            place[0] > within[0] + 2
                && place[1] > within[1] + 2
                && place[2] < within[2] - 2
                && place[3] < within[3] - 2
                && !written
                    .iter()
                    .any(|other| overlap(&with_room(place), other))
        };
        let hidden = |place: &Area| {
            const MARK: i32 = 5;
            let covers = |(x, y): &&Spot| overlap(place, &[x - MARK, y - MARK, x + MARK, y + MARK]);
            taken.iter().filter(covers).count()
        };
        let best = |distances: &[i32]| {
            let places = distances.iter().copied().flat_map(around);
            places
                .filter(|(_, place)| is_free(place))
                .min_by_key(|(away, place)| (hidden(place), *away))
        };
        let near = best(&[10, 22, 40, 64, 92]);
        let far = || best(&[130, 180, 240, 310]);
        let Some((away, place)) = near.or_else(far) else {
            continue;
        };
        if away > 10 {
            let near = (
                at.0.clamp(place[0], place[2]),
                at.1.clamp(place[1], place[3]),
            );
            let line = PathElement::new([*at, near], colour.mix(0.5).stroke_width(1));
            canvas.draw(&line)?;
        }
        canvas.draw(&Text::new(
            words.clone(),
            (place[0] + 1, place[1] + 1),
            style,
        ))?;
        written.push(with_room(&place));
    }
    Ok(())
}

/// Spots on the lines through points, close enough together that no name fits between them.
pub(super) fn along(points: &[Spot]) -> Vec<Spot> {
    const STEPS: i32 = 24;
    let between = |pair: &[Spot]| {
        let (from, to) = (pair[0], pair[1]);
        (0..=STEPS)
            .map(|step| {
                let on = |from: i32, to: i32| from + (to - from) * step / STEPS;
                (on(from.0, to.0), on(from.1, to.1))
            })
            .collect::<Vec<_>>()
    };
    points.windows(2).flat_map(between).collect()
}

pub(super) fn overlap(one: &Area, other: &Area) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (i32, i32) = (0, 1000);

    #[test]
    fn labels_with_room_stay_where_they_belong() {
        assert_eq!(apart(&[10, 30, 500], 15, ALL), [10, 30, 500]);
        assert_eq!(apart(&[], 15, ALL), [0; 0]);
    }

    #[test]
    fn a_crowd_stands_around_its_middle() {
        assert_eq!(apart(&[100, 100, 100], 15, ALL), [85, 100, 115]);
        // Two crowds that come to touch are one.
        assert_eq!(apart(&[100, 100, 116, 116], 16, ALL), [84, 100, 116, 132]);
        assert_eq!(
            apart(&[100, 100, 300, 301], 10, ALL),
            [95, 105, 296, 306],
            "far crowds do not touch each other"
        );
    }

    #[test]
    fn labels_keep_their_order_their_distance_and_the_panel() {
        let heights = [0, 1, 1, 40, 44, 90, 95, 96, 97, 98, 99];
        let placed = apart(&heights, 9, (5, 100));
        assert!(
            placed.iter().all(|y| (5..=100).contains(y)),
            "within: {placed:?}"
        );
        assert!(
            placed.windows(2).all(|pair| pair[1] - pair[0] >= 9),
            "apart: {placed:?}"
        );
    }

    #[test]
    fn without_room_they_begin_at_the_top() {
        assert_eq!(apart(&[50, 50, 50], 20, (40, 60)), [40, 60, 80]);
    }
}
