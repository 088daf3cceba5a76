using System.Diagnostics;
using System.Globalization;
using Coppice.Cli.Verifying;

namespace Coppice.Cli.Tests.Verifying;

public sealed class CommandVerifierTests : IDisposable
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(10);
    private readonly TemporaryFolder _folder = new();

    public CommandVerifierTests() => Assert.SkipWhen(OperatingSystem.IsWindows(), "the commands are of a Unix shell");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("grep -q tuna", true, "exit 0")]
    [InlineData("grep -q salmon", false, "exit 1")]
    [InlineData("cat", true, "exit 0: last tuna")]
    [InlineData("echo some >&2; echo more; exit 3", false, "exit 3: some")]
    [InlineData("printf 'a\\033[31mb\\n\\n'; exit 1", false, "exit 1: a [31mb")]
    [InlineData("kill -9 $$", false, "exit 137")]
    [InlineData("grep -q tuna {file}", true, "exit 0")]
    [InlineData("grep -q tuna \"{sample}\"", true, "exit 0")]
    [InlineData("grep -q make '{prompt}'", true, "exit 0")]
    [InlineData("cat {prompt} {sample} | tail -n 1", true, "exit 0: last tuna")]
    [InlineData("exit 0 # {nothing}", true, "exit 0")]
    public async Task The_exit_code_is_the_verdict_and_the_last_line_the_reason(string command, bool right, string reason) =>
        Assert.Equal(new Verdict(right, reason), await Check(command));

    [Fact]
    public async Task A_program_of_a_problem_comes_in_a_file_of_its_kind_beside_the_problem()
    {
        var submission = new Submission("p", "s") { Program = "whole", Extension = ".py", Problem = """{"answer":42}""" };
        using CommandVerifier verifier = CommandVerifier.Create(Settings("cat {problem} {file} && cat && basename {file}"), withProblems: true);
        Assert.EndsWith("program.py", (await verifier.CheckAsync(submission, CancellationToken.None)).Reason, StringComparison.Ordinal);
        using CommandVerifier other = CommandVerifier.Create(Settings("grep -q 42 {problem} && grep -q whole {file} && grep -q whole"), withProblems: true);
        Assert.True((await other.CheckAsync(submission, CancellationToken.None)).IsRight);
    }

    [Fact]
    public async Task Files_are_gone_afterwards()
    {
        string folder = (await Check("dirname {file}")).Reason["exit 0: ".Length..];
        Assert.StartsWith(Path.GetTempPath(), folder, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task A_command_need_not_read_its_input()
    {
        Assert.True((await Check("exit 0", new string('x', 1 << 20))).IsRight);
        Assert.True((await Check("exec <&-; exit 0", new string('x', 1 << 20))).IsRight);
        Assert.True((await Check("head -c 10 >/dev/null", new string('x', 1 << 20))).IsRight);
    }

    [Fact]
    public async Task A_command_that_prints_too_much_is_wrong_while_it_prints_and_after_it()
    {
        Assert.Equal(new Verdict(false, "it printed more than 100 bytes"), await Check("yes", bytes: 100));
        Assert.Equal(new Verdict(false, "it printed more than 100 bytes"), await Check("yes >&2", bytes: 100));
        Assert.Equal(new Verdict(false, "it printed more than 100 bytes"), await Check("head -c 101 /dev/zero", bytes: 100));
        Assert.True((await Check("head -c 100 /dev/zero", bytes: 100)).IsRight);
    }

    [Fact]
    public async Task A_command_that_hangs_is_wrong_and_killed_with_its_children()
    {
        string pids = _folder["pids"];
        string command = $"trap '' TERM; sleep 300 & echo $! >>{pids}; sleep 301 & echo $! >>{pids}; echo $$ >>{pids}; wait";
        Assert.Equal(new Verdict(false, "it took longer than 1.5 s"), await Check(command, timeout: TimeSpan.FromSeconds(1.5)));
        await AssertGone(pids, 3);
    }

    [Fact]
    public async Task Children_that_outlive_their_command_and_hold_its_streams_are_killed()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "processes that left the tree are found by their environment");
        string pids = _folder["pids"];
        Assert.Equal(new Verdict(true, "exit 0: done"), await Check($"sleep 300 & echo $! >>{pids}; echo done"));
        await AssertGone(pids, 1);
        Assert.True((await Check($"(setsid sleep 300 & echo $! >>{pids}) ; exit 0")).IsRight);
        await AssertGone(pids, 2);
    }

    [Fact]
    public async Task Children_that_hold_nothing_are_killed_when_their_command_ends()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "processes that left the tree are found by their environment or session");
        string pids = _folder["pids"];
        const string quiet = "</dev/null >/dev/null 2>&1";
        using CommandVerifier verifier = CommandVerifier.Create(
            Settings($"(setsid sleep 300 {quiet} & echo $! >>{pids}; nohup env -i sleep 300 {quiet} & echo $! >>{pids}); exit 0"), withProblems: false);
        for (int check = 1; check <= 2; check++)
        {
            Assert.True((await verifier.CheckAsync(new Submission("", ""), CancellationToken.None)).IsRight);
            await AssertGone(pids, 2 * check); // the verifier is still in use
        }
    }

    [Fact]
    public async Task A_command_that_ends_leaves_other_commands_alone()
    {
        string here = _folder["here"];
        using CommandVerifier verifier = CommandVerifier.Create(
            Settings($"if [ \"$(cat)\" = long ]; then : >{here}; while [ -e {here} ]; do sleep 0.01; done; fi"), withProblems: false);
        Task<Verdict> waits = verifier.CheckAsync(new Submission("", "long"), CancellationToken.None);
        while (!File.Exists(here)) await Task.Delay(5);
        for (int i = 0; i < 3; i++) Assert.True((await verifier.CheckAsync(new Submission("", "short"), CancellationToken.None)).IsRight);
        File.Delete(here);
        Assert.True((await waits).IsRight);
    }

    [Fact]
    public async Task A_cancelled_check_kills_the_command_and_says_nothing()
    {
        string pids = _folder["pids"];
        using CommandVerifier verifier = CommandVerifier.Create(Settings($"echo $$ >>{pids}; sleep 300"), withProblems: false);
        using var cancel = new CancellationTokenSource();
        Task<Verdict> check = verifier.CheckAsync(new Submission("", ""), cancel.Token);
        while (!File.Exists(pids) || new FileInfo(pids).Length == 0) await Task.Delay(5);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => check);
        await AssertGone(pids, 1);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => verifier.CheckAsync(new Submission("", ""), cancel.Token));
    }

    [Fact]
    public async Task Several_run_at_once_and_equal_samples_once()
    {
        // Each waits until both have come: one after the other, both would hang.
        string command = $"echo {{sample}} >>{_folder["log"]}; : >{_folder["here-"]}$(cat {{sample}}); while [ ! -e {_folder["here-a"]} -o ! -e {_folder["here-b"]} ]; do sleep 0.01; done";
        using CommandVerifier verifier = CommandVerifier.Create(Settings(command), withProblems: false);
        var verification = new Verification(verifier, 2);
        Submission[] submissions = [new("", "a"), new("", "b"), new("", "a"), new("", "b")];
        var counts = new List<int>();
        Assert.True(await verification.CheckAsync(submissions, counts.Add, CancellationToken.None));
        Assert.True(await verification.CheckAsync(submissions, counts.Add, CancellationToken.None));
        Assert.Equal([1, 2], counts);
        Assert.Equal(2, (await File.ReadAllLinesAsync(_folder["log"])).Length);
        Assert.All(submissions, submission => Assert.True(verification.Of(submission)!.IsRight));
        Assert.Null(verification.Of(new Submission("", "c")));
    }

    [Fact]
    public async Task A_verification_that_is_cancelled_keeps_what_it_knows()
    {
        using CommandVerifier verifier = CommandVerifier.Create(Settings("grep -q fast || sleep 300"), withProblems: false);
        var verification = new Verification(verifier, 1);
        using var cancel = new CancellationTokenSource();
        bool ended = await verification.CheckAsync([new("", "fast"), new("", "slow")], _ => cancel.CancelAfter(50), cancel.Token);
        Assert.False(ended);
        Assert.True(verification.Of(new Submission("", "fast"))!.IsRight);
        Assert.Null(verification.Of(new Submission("", "slow")));
    }

    [Theory]
    [InlineData("no-such-program-here --flag", "'no-such-program-here'")]
    [InlineData("/etc/passwd", "'/etc/passwd'")]
    [InlineData("grade {problem}", "{problem}")]
    public void A_command_that_can_not_run_is_refused_at_once(string command, string part) =>
        Assert.Contains(part, Assert.Throws<RequestRejectedException>(() => CommandVerifier.Create(Settings(command), withProblems: false)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("[ 1 = 1 ]")]
    [InlineData("X=1 true")]
    [InlineData("( exit 0 )")]
    [InlineData("if true; then exit 0; fi")]
    public async Task Any_shell_command_will_do(string command) => Assert.True((await Check(command)).IsRight);

    private static VerifySettings Settings(string command) => new(command, Long, 1 << 16, 2);

    private static async Task<Verdict> Check(string command, string sample = "first\nlast tuna\n", TimeSpan? timeout = null, int bytes = 1 << 16)
    {
        using CommandVerifier verifier = CommandVerifier.Create(Settings(command) with { Timeout = timeout ?? Long, OutputBytes = bytes }, withProblems: false);
        return await verifier.CheckAsync(new Submission("make it", sample), CancellationToken.None);
    }

    /// <summary>A killed process may be in the table for a moment, until somebody asks for its exit code.</summary>
    private static async Task AssertGone(string pids, int count)
    {
        string[] ids = await File.ReadAllLinesAsync(pids);
        Assert.Equal(count, ids.Length);
        foreach (string id in ids)
        {
            for (int tries = 0; Lives(int.Parse(id, CultureInfo.InvariantCulture)); tries++)
            {
                Assert.True(tries < 1000, $"process {id} lives");
                await Task.Delay(5);
            }
        }
    }

    private static bool Lives(int id)
    {
        try
        {
            using Process process = Process.GetProcessById(id);
            // A zombie has no memory any more.
            return !process.HasExited && process.WorkingSet64 > 0;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            return false;
        }
    }
}
