//! What the experiment `cost` says.

use std::fmt::Write as _;

use oats_llm::Prices;

use super::{At, Counted, cell, is_blank, money, section, share, times, tokens, whole};
use crate::{
    costs::{CostComparison, Shown, selection::PROMPTS},
    rows::{DOLLARS, NONE},
};

pub(super) const OUTPUT: &str = "\
An LLM's output is the right reply and nothing else: names, and of a call the required parameters with empty
values. Who really fills them in, or explains, pays more.
";

/// What comparisons with calls of functions leave out.
const NOBODY: &str = "The routed side has nobody to fill in arguments; \
                      [context-growth](../context-growth/README.md) counts that";

pub(super) fn answer(study: &CostComparison, counted: &Counted<'_>) -> String {
    let model = &counted.model.name;
    let post = &study.post;
    let given = |scenario| counted.priced(At::new(NONE, scenario), DOLLARS);
    let mut text = String::new();
    if let (Some(planned), Some(routed), Some(ratio)) = (
        given("post-planned"),
        given("post-routed"),
        counted.priced(At::new(NONE, "post-planned"), "ratio"),
    ) {
        let _ = writeln!(
            text,
            "- **The post's {} is a count of calls.** {} calls of {} tokens in and {} out cost {} per million \
             requests at {model}, {} of them {}: {}, whatever the prices.",
            times(ratio),
            post.calls,
            post.input_tokens,
            post.output_tokens,
            money(planned),
            post.routed_calls,
            money(routed),
            times(ratio),
        );
    }
    let each = |say: &dyn Fn(&str) -> Option<String>| -> String {
        let said = counted.datasets.iter().filter_map(|dataset| {
            let said = say(dataset)?;
            Some(format!("  - {dataset}: {said}.\n"))
        });
        said.collect()
    };
    let bullet = |text: &mut String, lead: String, places: String| {
        if !places.is_empty() {
            let _ = write!(text, "- {lead}\n{places}");
        }
    };

    // Candidates, then the catalogue, by both prompts.
    let compared = |dataset: &str, scenario: &str| -> Option<String> {
        let of = |shown: &str| -> Option<String> {
            let [list, functions] = PROMPTS.map(|(_, prompt)| {
                let scenario = format!("{scenario}-{prompt}");
                counted.priced(At::new(dataset, &scenario).shown(shown), "ratio")
            });
            Some(format!(
                "{} with the {shown} as a list, {} as functions",
                times(list?),
                times(functions?)
            ))
        };
        let said: Vec<String> = ["candidates", "catalogue"]
            .into_iter()
            .filter_map(of)
            .collect();
        (!said.is_empty()).then(|| said.join("; "))
    };
    // Over all data sets and prompts.
    let range = |scenario: &str, shown: &str| -> Option<String> {
        let ratios = counted.datasets.iter().flat_map(|dataset| {
            PROMPTS.iter().filter_map(move |(_, prompt)| {
                let scenario = format!("{scenario}-{prompt}");
                counted.priced(At::new(dataset, &scenario).shown(shown), "ratio")
            })
        });
        let (least, most) = ratios.fold((f64::INFINITY, 0.0), |(least, most), ratio: f64| {
            (ratio.min(least), ratio.max(most))
        });
        (least <= most).then(|| format!("{} to {} with the {shown}", times(least), times(most)))
    };
    let ranges = |scenario: &str| {
        let ranges = ["candidates", "catalogue"].map(|shown| range(scenario, shown));
        ranges.into_iter().flatten().collect::<Vec<_>>().join(", ")
    };
    bullet(
        &mut text,
        format!(
            "**With counted tokens it is {}.** One of the {} calls is now a selection with real descriptions and \
             its right reply, the others are as in the post; against {} such call and the router, at {model}. As \
             functions the reply is a call with its arguments, required ones empty. {NOBODY}:",
            ranges("workflow"),
            post.calls,
            post.routed_calls
        ),
        each(&|dataset| compared(dataset, "workflow")),
    );
    bullet(
        &mut text,
        format!(
            "**Like for like it is {}.** A router replaces the selection and nothing else: selection and final \
             call ({} in, {} out) against the final call and the router, at {model}. {NOBODY}:",
            ranges("selection-replaced"),
            post.input_tokens,
            post.output_tokens
        ),
        each(&|dataset| compared(dataset, "selection-replaced")),
    );
    let k = study.top_k[study.top_k.len() / 2].get();
    let top = Shown::Top(k).to_string();
    let native = |dataset: &str| -> Option<String> {
        let ratio = |against: &str| {
            let scenario = format!("native-against-{against}");
            counted.priced(At::new(dataset, &scenario).shown(&top), "ratio")
        };
        let relevant = counted.count(
            At::new(dataset, "select-functions").shown(&top),
            "relevant-shown",
        )?;
        let mut said = format!("the catalogue costs {}", times(ratio("catalogue")?));
        if let Some(cached) = ratio("catalogue-cached") {
            let _ = write!(
                said,
                ", {} where the provider has it in its cache",
                times(cached)
            );
        }
        if let Some(candidates) = ratio("candidates") {
            let _ = write!(said, "; the candidates cost {}", times(candidates));
        }
        let _ = write!(
            said,
            "; the {top} hold {} of the right tools",
            share(relevant)
        );
        Some(said)
    };
    bullet(
        &mut text,
        format!(
            "**Without a selection call**, where the LLM calls functions in its final call anyway, a router saves \
             only what it leaves out. Against the router's {top} as functions (`{}`, fitted on nothing), at {model}:",
            study.router.label
        ),
        each(&native),
    );
    if let Some(router) = counted
        .rows
        .iter()
        .find(|row| row.scenario == "router" && row.quantity == DOLLARS)
    {
        let _ = writeln!(
            text,
            "- **The router's own cost is next to nothing**: {} ms of a core are {} per million requests at {}. The \
             time is assumed here; [latency](../latency/README.md) measures it.",
            study.router_milliseconds,
            money(router.value.get()),
            router.price
        );
    }
    let labels = |dataset: &str| -> Option<String> {
        let least = study.labels.per_tool.first()?;
        let most = study.labels.per_tool.last()?;
        let after = |labels: &str, by: &str, shown: &str| {
            let scenario = format!("labels-{labels}-by-{by}");
            let at = At::new(dataset, &scenario).shown(shown);
            Some(whole(counted.priced(at, "break-even-requests")?))
        };
        let range = |by: &str, shown: &str| -> Option<String> {
            let [least, most] =
                [least, most].map(|per_tool| after(&format!("per-tool-{per_tool}"), by, shown));
            Some(format!("{} to {}", least?, most?))
        };
        let mut said = Vec::new();
        for shown in ["candidates", "catalogue"] {
            if let (Some(llm), Some(person)) = (range("llm", shown), range("person", shown)) {
                said.push(format!(
                    "{llm} requests with the {shown} in the prompt, {person} if a person labels"
                ));
            }
        }
        (!said.is_empty()).then(|| said.join("; "))
    };
    let per_tool: Vec<String> = study
        .labels
        .per_tool
        .iter()
        .map(ToString::to_string)
        .collect();
    bullet(
        &mut text,
        format!(
            "**A trained router pays for its labels** after so many requests, for {} to {} labels a tool that the \
             LLM itself gives (a selection over the catalogue each) or a person does (${:.2} each, our assumption), \
             against a selection with the list prompt. Where the LLM labels and would choose over the catalogue, a \
             label is the very call that it saves, so that it is paid for by one request or so; labels from a log of \
             calls that were made anyway (`cargo xtask label`) cost nothing. At {}:",
            per_tool.first().map_or("", String::as_str),
            per_tool.last().map_or("", String::as_str),
            study.labels.person_dollars,
            model
        ),
        each(&labels),
    );
    text
}

pub(super) fn tables(study: &CostComparison, counted: &Counted<'_>, prices: &Prices) -> String {
    let mut shown: Vec<Shown> = vec![Shown::Candidates];
    shown.extend(study.top_k.iter().map(|k| Shown::Top(k.get())));
    shown.push(Shown::Catalogue);
    let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
    [
        selections(counted, &shown),
        at_every_price(counted, &shown, prices),
        workflows(counted),
        native(study, counted),
        break_even(study, counted),
    ]
    .concat()
}

/// A table a data set: tokens and dollars of one selection.
fn selections(counted: &Counted<'_>, shown: &[String]) -> String {
    let model = &counted.model.name;
    let lead = format!(
        "\n## One selection by the LLM\n\nMeans over all queries; tokens by `{}`, dollars per million selections at \
         {model}. \"Right tools shown\" is the mean share of a query's right tools that are among those shown: what \
         is not shown cannot be chosen. p95: 95 of 100 queries have at most so many input tokens.\n",
        counted.tokenizer
    );
    let mut places = String::new();
    for dataset in &counted.datasets {
        let mut rows = Vec::new();
        for shown in shown {
            let at = |scenario| At::new(dataset, scenario).shown(shown);
            let Some(relevant) = counted.count(at("select-list"), "relevant-shown") else {
                continue;
            };
            let mut row = vec![shown.clone(), share(relevant)];
            for scenario in ["select-list", "select-functions"] {
                for quantity in ["input-tokens", "input-tokens-p95", "output-tokens"] {
                    row.push(cell(counted.count(at(scenario), quantity), tokens));
                }
                row.push(cell(counted.priced(at(scenario), DOLLARS), money));
            }
            rows.push(row);
        }
        let cached = At::new(dataset, "select-functions-cached").shown("catalogue");
        if let Some(dollars) = counted.priced(cached, DOLLARS) {
            let hit = cell(counted.count(cached, "cached-input-tokens"), tokens);
            let mut row = vec![format!("catalogue, {hit} tokens cached")];
            row.resize(9, String::new());
            row.push(money(dollars));
            rows.push(row);
        }
        let heading = [
            "shown",
            "right tools shown",
            "list: in",
            "p95",
            "out",
            "dollars",
            "functions: in",
            "p95",
            "out",
            "dollars",
        ];
        places += &section(format!("\n### {dataset}\n"), &heading, rows);
    }
    if places.is_empty() {
        return places;
    }
    lead + &places + "
OpenAI takes at most 128 functions in a request; `functions` with a bigger catalogue is what it would cost where
there is no such limit. Cached: functions stand before everything else in a prompt, so a provider that has seen the
same catalogue before charges the cached price for it. The list prompt is MetaTool's, with the query first, so
next to nothing of it can be cached. MetaTool's and the built-in tools have no parameters, ToolBench's have.
"
}

fn at_every_price(counted: &Counted<'_>, shown: &[String], prices: &Prices) -> String {
    let names: Vec<&str> = prices
        .models()
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    let mut heading = vec!["data set", "prompt", "shown"];
    heading.extend(&names);
    let mut rows = Vec::new();
    for dataset in &counted.datasets {
        for (_, prompt) in PROMPTS {
            let scenario = format!("select-{prompt}");
            for shown in shown {
                let at = At::new(dataset, &scenario).shown(shown);
                if counted.priced(at, DOLLARS).is_none() {
                    continue;
                }
                let mut row = vec![dataset.clone(), prompt.to_owned(), shown.clone()];
                let dollars = names.iter().map(|name| counted.value(at, name, DOLLARS));
                row.extend(dollars.map(|dollars| cell(dollars, money)));
                rows.push(row);
            }
        }
    }
    let lead = "\n## One selection at every price\n\nDollars per million selections.\n";
    section(lead.to_owned(), &heading, rows)
}

fn workflows(counted: &Counted<'_>) -> String {
    let mut rows = Vec::new();
    for dataset in &counted.datasets {
        for shown in ["candidates", "catalogue"] {
            for (_, prompt) in PROMPTS {
                let mut row = vec![dataset.clone(), shown.to_owned(), prompt.to_owned()];
                for scenario in ["workflow", "selection-replaced"] {
                    let scenario = format!("{scenario}-{prompt}");
                    let at = At::new(dataset, &scenario).shown(shown);
                    row.push(cell(counted.priced(at, DOLLARS), money));
                    row.push(cell(counted.priced(at, "ratio"), times));
                }
                rows.push(row);
            }
        }
    }
    rows.retain(|row| !is_blank(&row[3..]));
    let lead = format!(
        "\n## The post's workflow with counted tokens\n\nDollars per million requests at {}, and how many times as \
         much as with a router (its assumed cost included).\n",
        counted.model.name,
    );
    let heading = [
        "data set",
        "shown",
        "prompt",
        "the post's workflow",
        "times",
        "selection and final call",
        "times",
    ];
    section(lead, &heading, rows)
}

fn native(study: &CostComparison, counted: &Counted<'_>) -> String {
    let mut rows = Vec::new();
    for dataset in &counted.datasets {
        for k in &study.top_k {
            let top = Shown::Top(k.get()).to_string();
            let mut row = vec![dataset.clone(), top.clone()];
            for against in ["candidates", "catalogue", "catalogue-cached"] {
                let scenario = format!("native-against-{against}");
                let at = At::new(dataset, &scenario).shown(&top);
                row.push(cell(counted.priced(at, "ratio"), times));
            }
            rows.push(row);
        }
    }
    rows.retain(|row| !is_blank(&row[2..]));
    let lead = format!(
        "\n## Native function calling\n\nHow many times the router's top tools as functions (its assumed cost included) the \
         candidates or the catalogue as functions cost, at {}. Below one the router shows more than the \
         candidates are.\n",
        counted.model.name,
    );
    let heading = [
        "data set",
        "router shows",
        "candidates",
        "catalogue",
        "catalogue, cached",
    ];
    section(lead, &heading, rows)
}

fn break_even(study: &CostComparison, counted: &Counted<'_>) -> String {
    let mut names: Vec<String> = study
        .labels
        .per_tool
        .iter()
        .map(|n| format!("per-tool-{n}"))
        .collect();
    names.push("all".to_owned());
    let mut rows = Vec::new();
    for dataset in &counted.datasets {
        for name in &names {
            let scenario = format!("labels-{name}");
            let Some(labels) = counted.count(At::new(dataset, &scenario), "labels") else {
                continue;
            };
            for by in ["llm", "person"] {
                let scenario = format!("labels-{name}-by-{by}");
                let at = At::new(dataset, &scenario);
                let mut row = vec![dataset.clone(), name.clone(), whole(labels), by.to_owned()];
                row.push(cell(counted.priced(at, "labelling-dollars"), money));
                for shown in ["candidates", "catalogue"] {
                    row.push(cell(
                        counted.priced(at.shown(shown), "break-even-requests"),
                        whole,
                    ));
                }
                rows.push(row);
            }
        }
    }
    let lead = format!(
        "\n## Break-even\n\nRequests after which the labels are paid for by the selections (list prompt) that are no \
         longer made, at {}. `all` is one label for each distinct query of the data set; labels a tool are counted \
         as if every tool had so many. Training itself takes minutes on one machine and is left out, and so are \
         wrong choices, of the router and of the LLM.\n",
        counted.model.name,
    );
    let heading = [
        "data set",
        "labels",
        "how many",
        "by",
        "all together",
        "requests, candidates",
        "requests, catalogue",
    ];
    section(lead, &heading, rows)
}
