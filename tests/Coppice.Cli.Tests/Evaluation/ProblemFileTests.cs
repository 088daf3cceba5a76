using Coppice.Cli.Evaluation;
using Coppice.Cli.Verifying;
using Coppice.Training.Puzzles;

namespace Coppice.Cli.Tests.Evaluation;

public sealed class ProblemFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void HumanEval_s_own_form_calls_its_check()
    {
        EvalProblem problem = Assert.Single(Read("""{"task_id":"HumanEval/0","prompt":"def f(x):\n","entry_point":"f","canonical_solution":"","test":"def check(c):\n    assert c(1) == 1\n"}"""));
        Assert.Equal(("HumanEval/0", "def f(x):\n", ".py"), (problem.Key, problem.Prompt, problem.Extension));
        Assert.Contains("\ndef", problem.Stop);
        Submission submission = problem.Submit("    return x");
        Assert.Equal("def f(x):\n    return x\ndef check(c):\n    assert c(1) == 1\n\ncheck(f)\n", submission.Program);
        Assert.Equal(("def f(x):\n", "    return x"), (submission.Prompt, submission.Sample));
        Assert.Contains("entry_point", submission.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_test_that_calls_itself_is_not_called_twice()
    {
        EvalProblem problem = Assert.Single(Read("""{"prompt":"def f(x):\n","entry_point":"f","test":"def check(c):\n    pass\ncheck(f)"}"""));
        Assert.Equal("line 1", problem.Key);
        Assert.EndsWith("check(f)\n", problem.Submit("").Program, StringComparison.Ordinal);
        Assert.Equal(2, problem.After.Split("check(").Length - 1);
    }

    [Fact]
    public void Other_languages_have_their_ending_and_their_stop_texts()
    {
        EvalProblem problem = Assert.Single(Read("""{"name":"p","language":"cs","prompt":"class P {","tests":"}","stop_tokens":["\n    }\n"]}"""));
        Assert.Equal(("p", ".cs", "class P {x\n}\n"), (problem.Key, problem.Extension, problem.Submit("x").Program));
        Assert.Equal(["\n    }\n"], problem.Stop);
        Assert.Equal(".txt", Assert.Single(Read("""{"prompt":"p","test":"t","language":"../x"}""")).Extension);
    }

    [Fact]
    public void Mbpp_shows_a_task_and_a_test_and_runs_all_tests()
    {
        EvalProblem problem = Assert.Single(Read("""{"text":"Add.","code":"","task_id":11,"test_setup_code":"import math\r\n","test_list":["assert add(1, 2) == 3","assert add(0, 0) == 0"],"challenge_test_list":[]}"""));
        Assert.Equal(("11", "\"\"\"\nAdd.\nassert add(1, 2) == 3\n\"\"\"\n", ".py"), (problem.Key, problem.Prompt, problem.Extension));
        Assert.Equal("def add(a, b): return a + b\nimport math\n\nassert add(1, 2) == 3\nassert add(0, 0) == 0\n", problem.Submit("def add(a, b): return a + b").Program);
    }

    [Fact]
    public void Without_tests_the_sample_is_all_there_is()
    {
        EvalProblem problem = Assert.Single(Read("\n{\"id\":\"q\",\"prompt\":\"2+2=\",\"answer\":4}\n\n"));
        Submission submission = problem.Submit("4");
        Assert.Equal(("q", "4", "4", ".txt"), (problem.Key, submission.Program, submission.Sample, submission.Extension));
    }

    [Theory]
    [InlineData("", "expected problems")]
    [InlineData("{\"prompt\":\"a\"}\n{", "line 2: expected a JSON object")]
    [InlineData("[1]", "line 1: expected a JSON object, found a list")]
    [InlineData("{\"a\":1,\"b\":2}", "found 'a', 'b'")]
    [InlineData("{}", "found nothing")]
    [InlineData("{\"prompt\":\"\"}", "an empty one")]
    [InlineData("{\"prompt\":null}", "'prompt', found null")]
    [InlineData("{\"prompt\":5}", "expected a text as 'prompt', found a number")]
    [InlineData("{\"prompt\":\"a\",\"test\":{}}", "'test', found an object")]
    [InlineData("{\"prompt\":\"a\",\"stop_tokens\":[1]}", "'stop_tokens', found another list")]
    [InlineData("{\"prompt\":\"a\",\"stop_tokens\":true}", "'stop_tokens', found a truth value")]
    [InlineData("{\"text\":\"a\",\"test_list\":[]}", "found none")]
    [InlineData("{\"prompt\":\"\\ud800\"}", "surrogate")]
    [InlineData("{\"id\":\"\\ud800\",\"prompt\":\"p\"}", "surrogate")]
    [InlineData("{\"text\":\"t\",\"test_list\":[\"\\udc00\"]}", "surrogate")]
    [InlineData("{\"\\ud800\":\"p\"}", "surrogate")]
    [InlineData("{\"prompt\":\"a\",\"id\":1}\n{\"prompt\":\"b\",\"id\":1}", "line 2: expected another name than an earlier line's, found '1'")]
    public void What_is_no_problem_is_said_with_its_line(string text, string part)
    {
        string message = Assert.Throws<IOException>(() => Read(text)).Message;
        Assert.Contains("problems.jsonl: ", message, StringComparison.Ordinal);
        Assert.Contains(part, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_bytes_than_utf8_are_said()
    {
        File.WriteAllBytes(_folder["problems.jsonl"], [(byte)'{', 0xFF, (byte)'}']);
        Assert.Contains("UTF-8", Assert.Throws<IOException>(() => ProblemFile.Read(_folder["problems.jsonl"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("humaneval-python.jsonl", 164, ".py")]
    [InlineData("humaneval-cs.jsonl", 158, ".cs")]
    [InlineData("mbpp.jsonl", 974, ".py")]
    public void Released_files_are_read(string name, int count, string extension)
    {
        IReadOnlyList<EvalProblem> problems = ProblemFile.Read(TestData.Prompts(name));
        Assert.Equal(count, problems.Count);
        Assert.All(problems, problem => Assert.Equal(extension, problem.Extension));
        Assert.All(problems, problem => Assert.NotEmpty(problem.Stop));
    }

    [Fact]
    public void The_puzzles_are_those_for_tests_in_a_mixed_order()
    {
        ProblemSet set = ProblemSet.Open("puzzles");
        Assert.Equal(1482, set.Problems.Count);
        Assert.Distinct(set.Problems.Select(problem => problem.Key));
        Assert.NotEqual(set.Problems.Select(problem => problem.Key).Order(StringComparer.Ordinal), set.Problems.Select(problem => problem.Key));
        Assert.All(set.Problems, problem =>
        {
            Assert.True(PuzzleText.TryParse(problem.Prompt, out Puzzle? puzzle));
            Assert.Equal(PuzzlePart.Test, PuzzleSet.PartOf(puzzle));
        });
        Assert.StartsWith("puzzles (1482 problems, ", set.Identity(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_set_is_known_by_all_that_is_in_it()
    {
        ProblemSet One(string tests) => new("x", Read($$"""{"prompt":"p","test":"{{tests}}"}"""), 1);
        Assert.Equal(One("a").Identity(), One("a").Identity());
        Assert.NotEqual(One("a").Identity(), One("b").Identity());
    }

    private IReadOnlyList<EvalProblem> Read(string text)
    {
        File.WriteAllText(_folder["problems.jsonl"], text);
        return ProblemFile.Read(_folder["problems.jsonl"]);
    }
}
