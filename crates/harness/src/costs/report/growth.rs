//! What the experiment `context-growth` says.

use std::fmt::Write as _;

use super::{At, Counted, cell, is_blank, money, section, share, table, whole};
use crate::{
    costs::{ContextGrowth, growth::Strategy},
    rows::DOLLARS,
};

pub(super) const OUTPUT: &str = "\
An LLM's output is a call with the tokens of its arguments that are assumed above, and nothing else: one that
explains itself costs more.
";

/// What curve a column of totals follows.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Constant,
    Linear,
    Quadratic,
    LevelsOff,
    Neither,
}

impl Shape {
    fn name(&self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Linear => "linear",
            Self::Quadratic => "quadratic",
            Self::LevelsOff => "levels off",
            Self::Neither => "neither",
        }
    }
}

/// The strategy's row of a data set.
fn at<'a>(dataset: &'a str, strategy: Strategy, shown: &'a str) -> At<'a> {
    At::new(dataset, strategy.name()).shown(shown)
}

/// What is told of a chain.
#[derive(Clone, Copy)]
enum Curve {
    /// All its tokens.
    Total,
    /// The input of its last call.
    Context,
}

impl Curve {
    fn at_depth(self, counted: &Counted<'_>, at: At<'_>) -> Option<f64> {
        match self {
            Self::Total => total(counted, at),
            Self::Context => counted.count(at, "last-call-input-tokens"),
        }
    }
}

fn shape(study: &ContextGrowth, counted: &Counted<'_>, at: At<'_>, curve: Curve) -> Option<Shape> {
    let what = match curve {
        Curve::Total => "total",
        Curve::Context => "context",
    };
    let of = |quantity: &str| counted.count(at, &format!("{what}-{quantity}"));
    let deepest = study.deepest;
    let end = [deepest - 2, deepest - 1, deepest].map(|at_depth| {
        let at = at.depth(at_depth);
        curve.at_depth(counted, at)
    });
    let is_level = end[0].is_some() && end.iter().all(|value| *value == end[0]);
    let (least, most) = (
        of("second-difference-least")?,
        of("second-difference-most")?,
    );
    Some(match (least == most, least == 0.0) {
        (true, true) if of("power-exponent")? == 0.0 => Shape::Constant,
        (true, true) => Shape::Linear,
        (true, false) => Shape::Quadratic,
        (false, _) if is_level => Shape::LevelsOff,
        (false, _) => Shape::Neither,
    })
}

fn total(counted: &Counted<'_>, at: At<'_>) -> Option<f64> {
    Some(counted.count(at, "input-tokens")? + counted.count(at, "output-tokens")?)
}

pub(super) fn answer(study: &ContextGrowth, counted: &Counted<'_>) -> String {
    let deepest = study.deepest;
    let half = deepest / 2;
    let mut quadratic = true;
    let mut places = String::new();
    for dataset in &counted.datasets {
        let shown = Strategy::Planner.shown_label();
        let planner = at(dataset, Strategy::Planner, &shown);
        quadratic &= shape(study, counted, planner, Curve::Total) == Some(Shape::Quadratic)
            && shape(study, counted, planner, Curve::Context) == Some(Shape::Linear);
        let of = |quantity: &str| counted.count(planner, quantity);
        let at_depth = |depth| total(counted, planner.depth(depth));
        let said = || -> Option<String> {
            let (near, far) = (at_depth(half)?, at_depth(deepest)?);
            Some(format!(
                "  - {dataset}: {} tokens at depth {half}, {} at depth {deepest}, {:.2} times as many. Every second \
                 difference of the total is {} tokens, one call with its result, and of the last call's context {}. \
                 In logarithms a power law with exponent {:.2} fits with R² {}, an exponential with R² {}.",
                whole(near),
                whole(far),
                far / near,
                of("total-second-difference-most")?,
                of("context-second-difference-most")?,
                of("total-power-exponent")?,
                share(of("total-power-r2")?),
                share(of("total-exponential-r2")?),
            ))
        };
        if let Some(said) = said() {
            let _ = writeln!(places, "{said}");
        }
    }
    let verdict = match quadratic {
        true => {
            "**It is quadratic, not exponential.** Where an LLM plans every step and is sent the whole history, \
             each call's context grows by a straight line and the total over the chain by a parabola"
        }
        false => "**What the planner's tokens do with depth**",
    };
    let mut text =
        format!("- {verdict} (computed, not observed; candidates as functions):\n{places}");
    let dollars = |strategy: Strategy, dataset: &str| {
        let shown = strategy.shown_label();
        counted.priced(at(dataset, strategy, &shown).depth(deepest), DOLLARS)
    };
    let mut places = String::new();
    for dataset in &counted.datasets {
        let said = || -> Option<String> {
            let cost = |strategy| dollars(strategy, dataset).map(money);
            Some(format!(
                "  - {dataset}: {} with the whole history, {} with the last {} steps of it, {} with the whole history \
                 in the provider's cache; {} where a router picks and an LLM fills in each call's arguments; {} where \
                 one call answers from all results, {} where it answers from the last.",
                cost(Strategy::Planner)?,
                cost(Strategy::PlannerPruned)?,
                study.kept_steps,
                cost(Strategy::NativeCached)?,
                cost(Strategy::RoutedArguments)?,
                cost(Strategy::RoutedHistory)?,
                cost(Strategy::Routed)?,
            ))
        };
        if let Some(said) = said() {
            let _ = writeln!(places, "{said}");
        }
    }
    let everywhere = |strategy: Strategy, expected: Shape| {
        counted.datasets.iter().all(|dataset| {
            let shown = strategy.shown_label();
            let at = at(dataset, strategy, &shown);
            shape(study, counted, at, Curve::Total) == Some(expected)
        })
    };
    let lead = match quadratic && everywhere(Strategy::PlannerPruned, Shape::Linear) {
        true => {
            "**A router is not needed to leave the parabola**: forgetting old steps does it too."
        }
        false => "**What a chain costs.**",
    };
    let _ = write!(
        text,
        "- {lead} At depth {deepest}, per million requests at {}:\n{places}",
        counted.model.name
    );
    if everywhere(Strategy::Routed, Shape::Constant)
        && everywhere(Strategy::RoutedHistory, Shape::Linear)
        && everywhere(Strategy::RoutedArguments, Shape::Linear)
    {
        text += "- **Constant it is only where nobody fills in arguments and the answer needs the last result alone.** \
             The post counts neither; with an LLM call for each call's arguments a routed chain is linear.\n";
    }
    text
}

pub(super) fn tables(study: &ContextGrowth, counted: &Counted<'_>) -> String {
    [
        strategies(study),
        curves(study, counted),
        by_depth(study, counted),
        parts(counted),
    ]
    .concat()
}

fn strategies(study: &ContextGrowth) -> String {
    let kept = study.kept_steps;
    let rows = [
        ("planner", "candidates", "an LLM picks each call from the whole history, then answers".to_owned()),
        ("planner-pruned", "candidates", format!("the same with the last {kept} steps of the history")),
        (
            "native-cached",
            "candidates",
            format!(
                "the same as `planner` with what was sent before in the provider's cache, from {} tokens in steps of {}",
                study.cache.least, study.cache.step
            ),
        ),
        ("routed", "none", "a router picks; one LLM call answers from the last result".to_owned()),
        ("routed-history", "none", "a router picks; one LLM call answers from all results".to_owned()),
        (
            "routed-arguments",
            "top-1",
            "a router picks; an LLM call a step fills in arguments from the last result, and one answers".to_owned(),
        ),
    ];
    let rows = rows
        .into_iter()
        .map(|(name, shown, what)| vec![format!("`{name}`"), shown.to_owned(), what]);
    format!(
        "\n## What is compared\n\nChains are computed, not observed: their parts are counted, and put together as if \
         each step were like the others. A chain of depth n has n tool calls and an answer of {} tokens. A call has {} \
         tokens of argument values beside its name and its required parameters, and a result of {}; all three lengths \
         are assumptions of ours. The arguments are read wherever the call stands in a history, and written where an \
         LLM writes the call; in `routed` and `routed-history` nobody writes them. Tools are shown as functions. The \
         router is taken to be right, and its own cost is left out: [cost](../cost/README.md) assumes one.\n{}",
        study.answer_tokens,
        study.argument_tokens,
        study.result_tokens,
        table(&["strategy", "shown", "what"], rows.collect())
    )
}

fn curves(study: &ContextGrowth, counted: &Counted<'_>) -> String {
    let mut rows = Vec::new();
    for dataset in &counted.datasets {
        for strategy in Strategy::ALL {
            let shown = strategy.shown_label();
            let at = at(dataset, strategy, &shown);
            let of = |quantity: &str| counted.count(at, quantity);
            let shape = |curve| shape(study, counted, at, curve);
            let (Some(total), Some(context)) = (shape(Curve::Total), shape(Curve::Context)) else {
                continue;
            };
            let two = |value: f64| format!("{value:.2}");
            rows.push(vec![
                dataset.clone(),
                strategy.name().to_owned(),
                total.name().to_owned(),
                cell(of("total-second-difference-most"), whole),
                cell(of("total-power-exponent"), two),
                cell(of("total-power-r2"), share),
                cell(of("total-exponential-rate"), share),
                cell(of("total-exponential-r2"), share),
                context.name().to_owned(),
            ]);
        }
    }
    let lead = "\n## The curves\n\nOf all tokens, read and written, over the depths, and of the input of the chain's last \
         call. A curve is linear where its second differences are zero, and quadratic where they are all the same. \
         The fits are least squares in logarithms; a parabola that begins with a large linear part has an \
         exponent between 1 and 2. A curve levels off where its last three points are the same.\n";
    let heading = [
        "data set",
        "strategy",
        "total",
        "second difference",
        "exponent",
        "R² of the power law",
        "exponential rate",
        "R² of the exponential",
        "last call's context",
    ];
    section(lead.to_owned(), &heading, rows)
}

fn by_depth(study: &ContextGrowth, counted: &Counted<'_>) -> String {
    let mut depths = vec![1, 2, 5, 10, study.deepest];
    depths.retain(|depth| *depth <= study.deepest);
    depths.dedup();
    let lead = format!(
        "\n## By depth\n\nTokens in, those of them from the cache, and out, and dollars per million requests at {}; \
         `costs.csv` has every depth and every price.\n",
        counted.model.name
    );
    let mut places = String::new();
    for dataset in &counted.datasets {
        let mut rows = Vec::new();
        for strategy in Strategy::ALL {
            for &depth in &depths {
                let shown = strategy.shown_label();
                let at = at(dataset, strategy, &shown).depth(depth);
                let of = |quantity: &str| cell(counted.count(at, quantity), whole);
                rows.push(vec![
                    strategy.name().to_owned(),
                    depth.to_string(),
                    of("llm-calls"),
                    of("input-tokens"),
                    of("cached-input-tokens"),
                    of("output-tokens"),
                    of("last-call-input-tokens"),
                    cell(counted.priced(at, DOLLARS), money),
                ]);
            }
        }
        let heading = [
            "strategy",
            "depth",
            "LLM calls",
            "in",
            "of it cached",
            "out",
            "in, last call",
            "dollars",
        ];
        rows.retain(|row| !is_blank(&row[2..]));
        places += &section(format!("\n### {dataset}\n"), &heading, rows);
    }
    match places.is_empty() {
        true => places,
        false => lead + &places,
    }
}

fn parts(counted: &Counted<'_>) -> String {
    let mut rows = Vec::new();
    for dataset in &counted.datasets {
        let part = |shown: &str, quantity: &str| {
            cell(
                counted.count(At::new(dataset, "parts").shown(shown), quantity),
                whole,
            )
        };
        rows.push(vec![
            dataset.clone(),
            part("candidates", "request-tokens"),
            part("none", "request-tokens"),
            part("top-1", "request-tokens"),
            part("none", "call-and-result-tokens"),
            part("none", "call-tokens"),
        ]);
    }
    rows.retain(|row| !is_blank(&row[1..]));
    let lead = format!(
        "\n## What the chains are made of\n\nTokens by `{}`, means over the queries, rounded.\n",
        counted.tokenizer,
    );
    let heading = [
        "data set",
        "request with candidates",
        "without functions",
        "with the right one alone",
        "a call and its result in the history",
        "a call as written",
    ];
    section(lead, &heading, rows)
}
