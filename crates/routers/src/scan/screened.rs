//! An exact scan that reads a quarter of the bytes: int8 tells which tools can be among the best.

use std::sync::OnceLock;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Zip};
use oats_datasets::ToolId;

use super::{BLOCK, Quantised, Vectors, best, dot, flat};
use crate::{Ranked, router::Best};

/// Tool vectors in f32, and beside them in int8: a search gives the very ranking and scores of
/// [`Vectors::search`].
///
/// Every tool is scored in int8 first. How far that score can be off is known, so a tool that cannot be
/// among the best k even then is passed over, and only the others' f32 vectors are read. It pays where
/// vectors come from memory and not from a cache: always in large catalogues, and in small ones after
/// an embedder's weights went through the cache.
#[derive(Clone, Debug)]
pub struct Screened {
    exact: Vectors,
    /// Made by the first search that can use it; `None` within if a component is not finite.
    screen: OnceLock<Option<Screen>>,
}

/// The rounded vectors, and how far they are off.
#[derive(Clone, Debug)]
struct Screen {
    rounded: Quantised,
    /// By tool, the length of the rounded vector.
    lengths: Vec<f32>,
    /// By tool, the distance of the rounded vector from the exact one.
    distances: Vec<f32>,
}

/// Screening is left alone where more than one in so many tools is asked for.
const WORTH_IT: usize = 8;

impl Screened {
    /// One row per tool (tools × d). The scores are cosines if the rows have length 1.
    pub fn new(tools: Array2<f32>) -> Self {
        Self {
            exact: Vectors::new(tools),
            screen: OnceLock::new(),
        }
    }

    /// As [`Vectors::search`], to the bit.
    ///
    /// # Panics
    /// As [`Vectors::search`].
    pub fn search(&self, query: &[f32], candidates: Option<&[ToolId]>, k: usize) -> Vec<Ranked> {
        let catalogue_size = self.view().nrows();
        let is_worth_it = candidates.is_none() && k <= catalogue_size / WORTH_IT;
        let length = norm(query.into());
        let screen = match is_worth_it && length.is_finite() {
            true => self.screen.get_or_init(|| Screen::of(&self.exact)).as_ref(),
            false => None,
        };
        let Some(screen) = screen else {
            return self.exact.search(query, candidates, k);
        };
        assert_eq!(query.len(), self.view().ncols(), "components of the query");
        let rows = flat(&self.exact.tools);
        screen.rounded.with_rounded(query, |asked, scale| {
            let off = distance(query, asked, scale);
            // Sums of f32 are off as well, each by at most d/2 roundings of the lengths' product; where
            // numbers are so small that roundings have no size, by less than the least normal one each.
            let d = query.len() as f32;
            let (rounding, least) = (2.0 * d * f32::EPSILON * length, d * f32::MIN_POSITIVE);
            best(
                catalogue_size,
                None,
                k,
                |best: &mut Best, tools: &[ToolId]| {
                    let mut scores = [0.0; BLOCK];
                    let scores = &mut scores[..tools.len()];
                    screen.rounded.scores(asked, scale, tools, scores);
                    // A catalogue's blocks are tools in their order.
                    let block = tools[0]..tools[0] + tools.len();
                    let [lengths, distances] = [&screen.lengths, &screen.distances]
                        .map(|of_tools| &of_tools[block.clone()]);
                    let mut most = [0.0; BLOCK];
                    for (((most, score), rounded), apart) in
                        most.iter_mut().zip(&*scores).zip(lengths).zip(distances)
                    {
                        let of_sums = rounding * (rounded + apart) + least;
                        *most = score + (length * apart + off * rounded + of_sums);
                    }
                    let (mut passed, mut count) = ([0; BLOCK], 0);
                    for (&tool, &most) in tools.iter().zip(&most) {
                        if best.can_keep(most) {
                            passed[count] = tool;
                            count += 1;
                        }
                    }
                    dot::products(rows, query, &passed[..count], &mut scores[..count]);
                    for (&tool, &score) in passed[..count].iter().zip(&*scores) {
                        best.offer(Ranked { tool, score });
                    }
                },
            )
        })
    }

    /// The vectors (tools × d).
    pub fn view(&self) -> ArrayView2<'_, f32> {
        self.exact.view()
    }

    /// The vectors without the screen.
    pub fn exact(&self) -> &Vectors {
        &self.exact
    }
}

/// What a search gives is the same whether the screen is there yet or not.
impl PartialEq for Screened {
    fn eq(&self, other: &Self) -> bool {
        self.exact == other.exact
    }
}

impl Screen {
    fn of(exact: &Vectors) -> Option<Self> {
        if exact.tools.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let rounded = exact.quantised();
        let (codes, scales) = rounded.parts();
        let mut lengths = Array1::zeros(scales.len());
        let mut distances = Array1::zeros(scales.len());
        Zip::from(&mut lengths)
            .and(&mut distances)
            .and(codes.rows())
            .and(exact.tools.rows())
            .and(scales)
            .for_each(|length, distance, codes, row, &scale| {
                let rounded = codes.mapv(|code| f32::from(code) * scale);
                *length = norm(rounded.view());
                *distance = norm((&rounded - &row).view());
            });
        let are_finite = lengths.iter().chain(&distances).all(|x| x.is_finite());
        are_finite.then_some(Self {
            rounded,
            lengths: lengths.to_vec(),
            distances: distances.to_vec(),
        })
    }
}

/// In doubles, so that no square is lost, and a little more than it is.
fn norm(vector: ArrayView1<'_, f32>) -> f32 {
    let sum = vector.fold(0.0, |sum, &x| sum + f64::from(x).powi(2));
    (sum.sqrt() * (1.0 + 1e-6)) as f32
}

/// Of a query from what it was rounded to.
fn distance(query: &[f32], asked: &[i16], scale: f32) -> f32 {
    let components = query.iter().zip(asked);
    let sum: f64 = components
        .map(|(&x, &code)| (f64::from(x) - f64::from(code) * f64::from(scale)).powi(2))
        .sum();
    (sum.sqrt() * (1.0 + 1e-6)) as f32
}
