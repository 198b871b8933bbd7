//! The rows of one tool, read again.

use super::ToolGeometry;
use crate::rows::{Number, PointRow};

// In the column `role`.
const TOOL: &str = "tool";
const POSITIVE: &str = "positive";
const NEGATIVE: &str = "negative";
const TEST_QUERY: &str = "test-query";
const POSITIVES: &str = "positives";
const NEGATIVES: &str = "negatives";
const TEST_QUERIES: &str = "test-queries";
const RIVAL: [&str; 2] = ["rival-before", "rival-after"];
const AXIS: &str = "axis";

// In the column `point`.
const AXES: [&str; 2] = ["1", "2"];
const ALL: &str = "all";

// In the column `quantity`.
const PLACE: [&str; 2] = ["x", "y"];
const VARIANCE: &str = "variance-share";
const COUNT: &str = "count";
const DISTINCT: &str = "distinct-texts";
const IN_TRAINING: &str = "in-training";
const FAILURES: &str = "failures";
const TO_POSITIVES: &str = "cosine-to-positives";
const TO_NEGATIVES: &str = "cosine-to-negatives";
const TO_TEST_QUERY: &str = "cosine-to-test-query";
const RANK: &str = "rank-for-test-query";
const TO_TEST_QUERIES: &str = "mean-cosine-to-test-queries";
const RANKED_FIRST: &str = "test-queries-ranked-first";

/// What the rows of one tool have in common.
pub(super) struct Labels<'a> {
    pub(super) experiment: &'a str,
    pub(super) dataset: &'a str,
    pub(super) split: &'a str,
    pub(super) seed: u64,
    pub(super) embedder: &'a str,
    pub(super) tool: &'a str,
}

/// What points are called: training and test queries by their positions, tools by their ids.
pub(super) struct Names<'a> {
    pub(super) training: &'a dyn Fn(usize) -> &'a str,
    pub(super) tests: &'a dyn Fn(usize) -> &'a str,
    pub(super) tools: &'a dyn Fn(usize) -> &'a str,
}

/// The rows of one tool.
pub(super) fn rows(
    labels: &Labels<'_>,
    names: &Names<'_>,
    geometry: &ToolGeometry,
) -> Vec<PointRow> {
    let mut rows = Rows {
        labels,
        rows: Vec::new(),
    };
    let shown = geometry.example.as_ref().map(|example| example.test);
    for (rounds, after) in geometry.path.iter().enumerate() {
        let rounds = &rounds.to_string();
        rows.add_place(TOOL, rounds, after.place);
        let first = after.ranks.iter().filter(|&&rank| rank == 1).count();
        let mean = after.to_tests.iter().sum::<f64>() / after.to_tests.len() as f64;
        for (quantity, value) in [
            (FAILURES, after.failures.map(|count| count as f64)),
            (TO_POSITIVES, after.to_positives),
            (TO_NEGATIVES, after.to_negatives),
            (TO_TEST_QUERY, shown.map(|test| after.to_tests[test])),
            (RANK, shown.map(|test| after.ranks[test] as f64)),
            (TO_TEST_QUERIES, shown.map(|_| mean)),
            (RANKED_FIRST, shown.map(|_| first as f64)),
        ] {
            if let Some(value) = value {
                rows.add(TOOL, rounds, quantity, value);
            }
        }
    }
    for (role, all, placed) in [
        (POSITIVE, POSITIVES, &geometry.positives),
        (NEGATIVE, NEGATIVES, &geometry.negatives),
    ] {
        for &(query, place) in &placed.queries {
            rows.add_place(role, (names.training)(query), place);
        }
        rows.add(all, ALL, COUNT, placed.queries.len() as f64);
        rows.add(all, ALL, DISTINCT, placed.texts as f64);
    }
    if let Some(example) = &geometry.example {
        let name = (names.tests)(example.test);
        rows.add_place(TEST_QUERY, name, example.place);
        let in_training = u8::from(geometry.in_training[example.test]);
        rows.add(TEST_QUERY, name, IN_TRAINING, in_training.into());
        if let Some(rival) = &example.rival {
            let name = (names.tools)(rival.tool);
            for ((role, place), cosine) in RIVAL.into_iter().zip(rival.places).zip(rival.cosines) {
                rows.add_place(role, name, place);
                rows.add(role, name, TO_TEST_QUERY, cosine);
            }
        }
    }
    let in_training = geometry.in_training.iter().filter(|&&seen| seen).count();
    for (quantity, count) in [
        (COUNT, geometry.in_training.len()),
        (DISTINCT, geometry.test_texts),
        (IN_TRAINING, in_training),
    ] {
        rows.add(TEST_QUERIES, ALL, quantity, count as f64);
    }
    for (axis, share) in AXES.into_iter().zip(geometry.shares) {
        rows.add(AXIS, axis, VARIANCE, share);
    }
    rows.rows
}

struct Rows<'a> {
    labels: &'a Labels<'a>,
    rows: Vec<PointRow>,
}

impl Rows<'_> {
    fn add_place(&mut self, role: &str, point: &str, place: [f64; 2]) {
        for (quantity, value) in PLACE.into_iter().zip(place) {
            self.add(role, point, quantity, value);
        }
    }

    fn add(&mut self, role: &str, point: &str, quantity: &str, value: f64) {
        self.rows.push(PointRow {
            experiment: self.labels.experiment.to_owned(),
            dataset: self.labels.dataset.to_owned(),
            split: self.labels.split.to_owned(),
            seed: self.labels.seed.to_string(),
            embedder: self.labels.embedder.to_owned(),
            tool: self.labels.tool.to_owned(),
            role: role.to_owned(),
            point: point.to_owned(),
            quantity: quantity.to_owned(),
            value: Number::new(value),
        });
    }
}

/// The rows of one tool of `points.csv`.
#[derive(Clone, Debug)]
pub struct ToolPoints<'r> {
    rows: Vec<&'r PointRow>,
}

/// The rows by dataset, split, seed, embedder and tool, in the order in which these come.
pub fn tool_points(rows: &[PointRow]) -> Vec<ToolPoints<'_>> {
    let labels = |row: &PointRow| {
        let PointRow {
            dataset,
            split,
            seed,
            embedder,
            tool,
            ..
        } = row;
        [dataset, split, seed, embedder, tool].map(String::clone)
    };
    let mut tools: Vec<ToolPoints<'_>> = Vec::new();
    for row in rows {
        let mut known = tools.iter_mut();
        match known.find(|tool| labels(tool.rows[0]) == labels(row)) {
            Some(tool) => tool.rows.push(row),
            None => tools.push(ToolPoints { rows: vec![row] }),
        }
    }
    tools
}

impl<'r> ToolPoints<'r> {
    /// The benchmark.
    pub fn dataset(&self) -> &'r str {
        &self.rows[0].dataset
    }

    /// The kind of split.
    pub fn split(&self) -> &'r str {
        &self.rows[0].split
    }

    /// The split's seed.
    pub fn seed(&self) -> &'r str {
        &self.rows[0].seed
    }

    /// The embedder.
    pub fn embedder(&self) -> &'r str {
        &self.rows[0].embedder
    }

    /// The tool's name.
    pub fn tool(&self) -> &'r str {
        &self.rows[0].tool
    }

    /// N, the number of rounds.
    pub fn rounds(&self) -> usize {
        let points = self.of(TOOL).filter_map(|row| row.point.parse().ok());
        points.max().unwrap_or(0)
    }

    /// Where the tool is after 0 to N rounds.
    pub fn path(&self) -> Vec<[f64; 2]> {
        let rounds = 0..=self.rounds();
        rounds
            .filter_map(|rounds| self.place(TOOL, &rounds.to_string()))
            .collect()
    }

    /// Where the queries of Q⁺ are.
    pub fn positives(&self) -> Vec<[f64; 2]> {
        self.places(POSITIVE).map(|(_, place)| place).collect()
    }

    /// Where the queries are that are in Q⁻ in any round.
    pub fn negatives(&self) -> Vec<[f64; 2]> {
        self.places(NEGATIVE).map(|(_, place)| place).collect()
    }

    /// How many different texts the queries of Q⁺ have.
    pub fn positive_texts(&self) -> usize {
        self.count(POSITIVES, DISTINCT)
    }

    /// How many different texts the queries have that are in Q⁻ in any round.
    pub fn negative_texts(&self) -> usize {
        self.count(NEGATIVES, DISTINCT)
    }

    /// The test query's id, and where it is.
    pub fn test_query(&self) -> Option<(&'r str, [f64; 2])> {
        self.places(TEST_QUERY).next()
    }

    /// Whether the test query's text is in training, too.
    pub fn is_in_training(&self) -> bool {
        let test_query = self.test_query();
        test_query.and_then(|(query, _)| self.value(TEST_QUERY, query, IN_TRAINING)) == Some(1.0)
    }

    /// The name of the tool that ranked first for the test query, and where it is before and after all rounds.
    pub fn rival(&self) -> Option<(&'r str, [[f64; 2]; 2])> {
        let [before, after] = RIVAL.map(|role| self.places(role).next());
        Some((before?.0, [before?.1, after?.1]))
    }

    /// The cosines of that tool to the test query, before and after.
    pub fn rival_cosines(&self) -> Option<[f64; 2]> {
        let (rival, _) = self.rival()?;
        let [before, after] = RIVAL.map(|role| self.value(role, rival, TO_TEST_QUERY));
        Some([before?, after?])
    }

    /// How many test queries the tool is right for.
    pub fn tests(&self) -> usize {
        self.count(TEST_QUERIES, COUNT)
    }

    /// How many different texts they have.
    pub fn test_texts(&self) -> usize {
        self.count(TEST_QUERIES, DISTINCT)
    }

    /// How many of them have a text that is in training, too.
    pub fn tests_in_training(&self) -> usize {
        self.count(TEST_QUERIES, IN_TRAINING)
    }

    /// The share of the variance that each of the two axes holds, 0 to 1.
    pub fn variance_shares(&self) -> [f64; 2] {
        AXES.map(|axis| self.value(AXIS, axis, VARIANCE).unwrap_or(0.0))
    }

    /// The size of Q⁻ in a round, 1 to N.
    pub fn failures(&self, round: usize) -> Option<usize> {
        Some(self.after(round, FAILURES)? as usize)
    }

    /// The tool's cosine to the mean of Q⁺ after so many rounds.
    pub fn to_positives(&self, rounds: usize) -> Option<f64> {
        self.after(rounds, TO_POSITIVES)
    }

    /// Its cosine to the mean of the queries that are in Q⁻ in any round.
    pub fn to_negatives(&self, rounds: usize) -> Option<f64> {
        self.after(rounds, TO_NEGATIVES)
    }

    /// Its cosine to the test query.
    pub fn to_test_query(&self, rounds: usize) -> Option<f64> {
        self.after(rounds, TO_TEST_QUERY)
    }

    /// Its rank for the test query, from 1, over the catalogue.
    pub fn rank(&self, rounds: usize) -> Option<usize> {
        Some(self.after(rounds, RANK)? as usize)
    }

    /// Its mean cosine to all of its test queries.
    pub fn to_test_queries(&self, rounds: usize) -> Option<f64> {
        self.after(rounds, TO_TEST_QUERIES)
    }

    /// For how many of them it ranks first.
    pub fn ranked_first(&self, rounds: usize) -> Option<usize> {
        Some(self.after(rounds, RANKED_FIRST)? as usize)
    }

    fn count(&self, role: &str, quantity: &str) -> usize {
        self.value(role, ALL, quantity)
            .map_or(0, |count| count as usize)
    }

    fn after(&self, rounds: usize, quantity: &str) -> Option<f64> {
        self.value(TOOL, &rounds.to_string(), quantity)
    }

    fn of(&self, role: &str) -> impl Iterator<Item = &'r PointRow> {
        self.rows
            .iter()
            .copied()
            .filter(move |row| row.role == role)
    }

    fn places(&self, role: &str) -> impl Iterator<Item = (&'r str, [f64; 2])> {
        let points = self.of(role).filter(|row| row.quantity == PLACE[0]);
        points.filter_map(|row| Some((row.point.as_str(), self.place(&row.role, &row.point)?)))
    }

    fn place(&self, role: &str, point: &str) -> Option<[f64; 2]> {
        let [x, y] = PLACE.map(|axis| self.value(role, point, axis));
        Some([x?, y?])
    }

    fn value(&self, role: &str, point: &str, quantity: &str) -> Option<f64> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.role == role && row.point == point && row.quantity == quantity)
            .map(|row| row.value.get())
    }
}
