//! Routers in another language: the page that tells how, the examples, and what they may do wrong.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::common::{Place, Told, has_python, root};

/// The code blocks of that language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    let parts = page.split(opening.as_str()).skip(1);
    parts
        .map(|part| part.split("```").next().unwrap().to_owned())
        .collect()
}

fn page() -> String {
    fs::read_to_string(root().join("docs/process-router.md")).unwrap()
}

/// A folder with the page's files.
fn place_of_the_page() -> Place {
    let place = Place::empty();
    let page = page();
    place.write("my_router.py", &blocks(&page, "python")[0]);
    place.write("my-router.toml", &blocks(&page, "toml")[0]);
    place.write("experiments/.keep", "");
    place
}

/// What the page's program writes when it reads the page's lines, and whether these are of the form that
/// is really sent.
#[test]
fn the_page_tells_what_is_said() {
    if !has_python() {
        return;
    }
    let place = place_of_the_page();
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for line in blocks(&page(), "text")
        .iter()
        .flat_map(|block| block.lines())
    {
        match line.split_once(' ').unwrap() {
            (">", line) => read.push(line.to_owned()),
            ("<", line) => written.push(serde_json::from_str::<Value>(line).unwrap()),
            _ => {}
        }
    }
    let mut program = Command::new("python3")
        .arg(place.path("my_router.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = program.stdin.take().unwrap();
    stdin
        .write_all((read.join("\n") + "\n").as_bytes())
        .unwrap();
    drop(stdin);
    let output = program.wait_with_output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> = output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers, written);

    let keep = "import sys\nlog = open('sent.jsonl', 'w')\nkept = sys.stdin\nsys.stdin = \
                ((log.write(line), log.flush(), line)[2] for line in kept)\n";
    let program = place.read("my_router.py").replace("import sys\n", keep);
    place.write("my_router.py", program);
    place.succeed(&["run", "my-router.toml"]);
    let sent = place.read("sent.jsonl");
    for line in &read {
        let form = form(&serde_json::from_str(line).unwrap());
        let mut sent = sent
            .lines()
            .map(|line| self::form(&serde_json::from_str(line).unwrap()));
        assert!(
            sent.any(|sent| sent == form),
            "nothing like this was sent: {line}"
        );
    }
}

/// The names of all fields, with the kinds of what they hold.
fn form(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), form(field)))
            .collect(),
        Value::Array(entries) => entries.first().map(form).into_iter().collect(),
        Value::String(_) => "text".into(),
        Value::Number(_) => "number".into(),
        other => other.clone(),
    }
}

/// Replaces the answer of the page's program to its third request, or, with `"ready"`, its first line.
fn misbehaving(place: &Place, instead: &str, at: &str) {
    let program = place.read("my_router.py");
    let (mark, indent) = match at {
        "ready" => ("print(json.dumps({\"ready\"", ""),
        _ => ("    print(json.dumps({\"id\"", "    "),
    };
    let condition = match at {
        "ready" => "True",
        _ => "asked[\"id\"] == 3",
    };
    let instead: String = instead
        .lines()
        .map(|line| format!("{indent}    {line}\n"))
        .collect();
    let program = program.replacen(
        mark,
        &format!("{indent}if {condition}:\n{instead}{mark}"),
        1,
    );
    place.write(
        "my_router.py",
        format!("import os, time, subprocess\nopen('pid', 'w').write(str(os.getpid()))\n{program}"),
    );
}

/// The processes of a group that are alive, where there is a `/proc`.
fn alive(group: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats
        .filter(|stat| {
            // After the name, which may hold anything: state, parent, group.
            let fields = stat.rsplit(')').next().unwrap_or_default();
            let fields: Vec<&str> = fields.split_whitespace().collect();
            fields.len() > 2 && fields[0] != "Z" && fields[2] == group
        })
        .collect()
}

/// With the page's router so changed, the run ends soon and tells all of `parts`; all rows of the others
/// are as they are without it, and nothing is left of its processes.
#[track_caller]
fn fails_alone(instead: &str, at: &str, settings: &str, parts: &[&str]) -> Option<Told> {
    if !has_python() {
        return None;
    }
    let alone = place_of_the_page();
    alone.edit("my-router.toml", "    { kind = \"process\", label = \"mine\", command = [\"python3\", \"my_router.py\"] },\n", "");
    alone.succeed(&["run", "my-router.toml"]);

    let place = place_of_the_page();
    misbehaving(&place, instead, at);
    place.edit(
        "my-router.toml",
        "\"my_router.py\"]",
        &format!("\"my_router.py\"]{settings}"),
    );
    let started = Instant::now();
    let told = place.run(&["run", "my-router.toml"]);
    // Where it waits for ever, it sleeps for ten minutes.
    assert!(started.elapsed() < Duration::from_secs(300), "{told}");
    told.assert_refused(&["1 cell failed", "all other results were written"]);
    told.assert_says(&["failed: builtin/query/all/mine-none-0: `python3 my_router.py`: "]);
    told.assert_says(parts);
    for file in ["metrics.csv", "tests.csv"] {
        let file = format!("target/run/my-router/{file}");
        assert_eq!(place.read(&file), alone.read(&file), "{file}: {told}");
    }
    let left = alive(&place.read("pid"));
    assert!(left.is_empty(), "{left:?}");
    Some(told)
}

/// The command alone is sent the signal while the router learns, and both are gone soon.
#[cfg(unix)]
#[test]
fn who_stops_the_command_stops_its_routers() {
    use std::{os::unix::process::ExitStatusExt, thread};

    if !has_python() {
        return;
    }
    let within = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < Duration::from_secs(60), "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    for (name, number) in [("INT", 2), ("TERM", 15)] {
        let place = place_of_the_page();
        let sleep = "subprocess.Popen(['sleep', '600'])\nopen('sleeps', 'w')\ntime.sleep(600)";
        misbehaving(&place, sleep, "ready");
        let mut command = place.command(&["run", "my-router.toml"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut running = command.spawn().unwrap();
        within("it does not learn", &mut || place.path("sleeps").exists());
        let group = place.read("pid");
        assert!(alive(&group).len() > 1 || !Path::new("/proc/self").exists());
        let pid = running.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(kill.unwrap().success());
        let mut ended = None;
        within("it goes on", &mut || {
            ended = running.try_wait().unwrap();
            ended.is_some()
        });
        assert_eq!(ended.unwrap().signal(), Some(number));
        within("its router goes on", &mut || alive(&group).is_empty());
    }
}

const SHORT: &str = ", fit_seconds = 20, answer_seconds = 2";

#[test]
fn one_that_sleeps_is_stopped() {
    let parts = ["it took more than 2 s to answer"];
    fails_alone("time.sleep(600)", "answer", SHORT, &parts);
    let parts = ["it took more than 2 s to learn"];
    fails_alone("time.sleep(600)", "ready", ", fit_seconds = 2", &parts);
}

#[test]
fn one_that_forks_is_stopped_with_its_children() {
    let parts = ["it took more than 2 s to answer"];
    let fork = "subprocess.Popen(['sleep', '600'])\ntime.sleep(600)";
    fails_alone(fork, "answer", SHORT, &parts);
    // The child holds the pipes after its parent's end.
    let parts = ["it took more than 2 s to answer"];
    fails_alone(
        "subprocess.Popen(['sleep', '600'])\nos._exit(3)",
        "answer",
        SHORT,
        &parts,
    );
}

#[test]
fn a_child_that_leaves_the_group_holds_up_nothing() {
    let leave = "subprocess.Popen(['sleep', '30'], start_new_session=True)\ntime.sleep(600)";
    let parts = ["it took more than 2 s to answer"];
    fails_alone(leave, "answer", SHORT, &parts);
}

#[test]
fn one_that_floods_its_output_is_stopped() {
    let parts = ["line 4 of its output is no JSON", "`noise`"];
    fails_alone("while True: print('noise')", "answer", SHORT, &parts);
    // Answers that nobody asked for, once the right one was given.
    let flood = "print(json.dumps({\"id\": 3, \"ranking\": ranking}))\n\
                 while True: print('{\"id\": 3, \"ranking\": []}')";
    let parts = ["line 5 of its output answers request 3, but 4 was asked"];
    fails_alone(flood, "answer", SHORT, &parts);
    let flood = "while True: sys.stderr.write('noise ' * 1000)";
    let parts = [
        "it took more than 2 s to answer; its last words: ",
        "noise noise",
    ];
    fails_alone(flood, "answer", SHORT, &parts);
}

#[test]
fn a_line_without_end_is_not_kept() {
    let write = "for _ in range(1024): sys.stdout.write('x' * (1 << 20))\nprint()";
    let parts = ["line 4 of its output has more than 16777216 bytes; it begins `xxx"];
    let told = fails_alone(write, "answer", "", &parts);
    if let Some(told) = told {
        assert!(told.stdout.len() < 10_000, "{}", told.stdout.len());
    }
}

#[test]
fn one_that_ends_is_told_with_its_last_words() {
    let parts = [
        "it has ended without an answer (exit status: 1)",
        "its last words: ",
        "ValueError: too warm",
    ];
    fails_alone("raise ValueError('too warm')", "answer", SHORT, &parts);
    let parts = ["it has ended without an answer (signal: 9 (SIGKILL))"];
    fails_alone("os.kill(os.getpid(), 9)", "ready", SHORT, &parts);
}

#[test]
fn one_that_closes_its_output_is_stopped() {
    let parts = ["it runs on, but listens or answers no more"];
    fails_alone("os.close(1)\ntime.sleep(600)", "answer", SHORT, &parts);
}

#[test]
fn wrong_answers_are_quoted() {
    for (instead, parts) in [
        (
            "print('[1, 2', flush=True)",
            ["line 4 of its output is no JSON (EOF", "`[1, 2`"],
        ),
        (
            "print('7', flush=True)",
            ["line 4 of its output is not of the form {\"id\"", "`7`"],
        ),
        (
            "ranking[0][\"tool\"] = 'tea'",
            [
                "line 4 of its output ranks the unknown tool `tea`",
                "`{\"id\": 3, ",
            ],
        ),
        (
            "ranking[0] = ranking[1]",
            ["line 4 of its output ranks `", "` twice: `{\"id\": 3, "],
        ),
        ("ranking.pop()", ["line 4 of its output ranks ", ", but "]),
        (
            "ranking = [one[\"tool\"] for one in ranking][:-1]",
            ["line 4 of its output ranks ", " were asked for"],
        ),
        (
            "ranking += [{\"tool\": name, \"score\": 0} for name in known if name not in names]",
            [
                "line 4 of its output ranks `",
                "`, which is none of the candidates",
            ],
        ),
    ] {
        if let Some(told) = fails_alone(instead, "answer", SHORT, &parts) {
            let reason = told
                .stdout
                .lines()
                .find(|line| line.starts_with("failed"))
                .unwrap();
            assert!(reason.chars().count() < 700, "{reason}");
        }
    }
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let place = place_of_the_page();
    place.edit("my-router.toml", "python3", "no-such-python");
    let told = place.run(&["run", "my-router.toml"]);
    told.assert_refused(&["1 cell failed"]);
    told.assert_says(&["`no-such-python my_router.py`: it cannot be started: No such file"]);
}

/// Nobody knows what a program reads, here a module beside it: cells of its old code would be mixed with new.
#[test]
fn finished_cells_are_taken_over_but_for_those_of_programs() {
    if !has_python() {
        return;
    }
    let place = place_of_the_page();
    place.edit("my-router.toml", "seeds = [0]", "seeds = [0, 1]");
    let program = place.read("my_router.py");
    let checked = program.replace("tools, training = next(lines)[\"tools\"], next(lines)[\"examples\"]",
        "import helper\ntools, training = next(lines)[\"tools\"], next(lines)\nassert not (training[\"seed\"] and helper.BAD)\ntraining = training[\"examples\"]");
    assert_ne!(program, checked);
    place.write("my_router.py", checked);
    // The second seed's fails, so that all others are kept.
    place.write("helper.py", "BAD = True");
    place
        .run(&["run", "my-router.toml"])
        .assert_refused(&["1 cell failed"]);
    let rows = place.read("target/run/my-router/metrics.csv");
    assert!(!rows.contains(",mine,"), "{rows}");
    place.write("helper.py", "BAD = not 'bad'");
    let again = place.succeed(&["run", "my-router.toml"]);
    assert!(
        again.stderr.contains("4 of 6 cells were finished before"),
        "{again}"
    );
    assert!(!place.path("target/run/cells").exists());
}

#[test]
fn such_a_router_cannot_be_saved_or_timed() {
    let place = place_of_the_page();
    let told = place.run(&["run", "my-router.toml", "--save-routers"]);
    told.assert_refused(&["`mine` is a process, which cannot be saved"]);
    place.edit(
        "my-router.toml",
        ", command = [\"python3\", \"my_router.py\"]",
        "",
    );
    let told = place.run(&["run", "my-router.toml"]);
    told.assert_refused(&[
        "my-router.toml",
        "process: command is empty",
        "[\"python3\", \"router.py\"]",
    ]);
}

#[test]
fn an_environment_without_its_python_is_not_one() {
    let place = Place::empty();
    place.write("lists/requirements.txt", "some-package==1\n");
    place.write("venv/oats-requirements.txt", "some-package==1\n");
    let python = if cfg!(windows) {
        "venv/Scripts/python"
    } else {
        "venv/bin/python3"
    };
    place.write(python, "");
    let made =
        || Told::of(&mut place.bare_command(&["venv", "lists", "--venv", "venv", "--offline"]));
    let told = made();
    assert!(
        told.code == Some(0) && told.stdout.contains("venv"),
        "{told}"
    );
    fs::remove_file(place.path(python)).unwrap();
    made().assert_refused(&[
        "virtual environment venv",
        "lost its Python",
        "leave out --offline",
    ]);
}

/// In this workspace's `target`, so that packages are fetched once.
#[test]
fn the_examples_run_where_their_packages_can_be_had() {
    let place = Place::empty();
    for file in fs::read_dir(root().join("examples/process")).unwrap() {
        let file = file.unwrap();
        if file.path().is_file() {
            place.copy(Path::new("examples/process").join(file.file_name()));
        }
    }
    place.write("experiments/.keep", "");
    let venv = root().join("target/process-venv");
    let made = Told::of(
        place
            .bare_command(&["venv", "examples/process", "--venv"])
            .arg(&venv),
    );
    if made.code != Some(0) {
        assert!(std::env::var_os("OATS_REQUIRE_PROCESS").is_none(), "{made}");
        println!("not tested: {made}");
        return;
    }
    let (toml, python) = (
        "examples/process/experiment.toml",
        "target/process-venv/bin/python",
    );
    place.edit(toml, python, made.stdout.trim());
    let told = place.succeed(&["run", toml, "--seeds", "1"]);
    let rows = place.read("target/run/process/metrics.csv");
    let value = |router: &str| -> f64 {
        let row = rows.lines().find(|row| {
            row.starts_with("process,builtin,query,all,catalogue,all,")
                && row.contains(&format!(",{router},mean-of-1,ndcg@5,"))
        });
        row.unwrap_or_else(|| panic!("{router}: {told}"))
            .split(',')
            .nth(10)
            .unwrap()
            .parse()
            .unwrap()
    };
    // Worse than all of ours would mean that something was lost on the way.
    let least = value("bm25");
    for router in ["scikit-learn", "semantic-router"] {
        assert!(value(router) > least - 0.1, "{router}: {told}");
    }
}
