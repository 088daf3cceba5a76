using System.Diagnostics;
using System.Text.Json;

namespace Coppice.Server.Tests;

/// <summary>The web page in a real browser. One run of <c>page/page.mjs</c> makes all checks; each test is one of them.</summary>
public sealed class PageTests(PageTests.Run run) : IClassFixture<PageTests.Run>
{
    [Theory]
    [InlineData("branches", "branches stream side by side and end")]
    [InlineData("trunk", "every branch grows from one trunk to its card")]
    [InlineData("ranks", "the best is highlighted, duplicates are dimmed, the order can be that of the ranks")]
    [InlineData("votes", "a majority is counted in votes")]
    [InlineData("readings", "times and what attention read are shown")]
    [InlineData("same seed", "the same seed gives the same branches")]
    [InlineData("stop", "Stop ends the branches here and in the engine")]
    [InlineData("keyboard", "everything works with a keyboard alone, and the focus can be seen")]
    [InlineData("phone", "a screen of 360 pixels needs no sideways scrolling")]
    [InlineData("long words", "words without a break don't widen the page")]
    [InlineData("light", "all text has enough contrast in light mode")]
    [InlineData("dark", "all text has enough contrast in dark mode")]
    [InlineData("motion", "nothing moves for those who ask for reduced motion")]
    [InlineData("errors", "wrong input and refusals are told beside the form")]
    [InlineData("chat", "chat sends messages")]
    [InlineData("tree", "the prefix tree is shown as it stands")]
    [InlineData("key", "a key is asked for where the server wants one, and kept for the tab alone")]
    [InlineData("streets", "a picture comes back with boxes, metres and classes")]
    [InlineData("layers", "layers, the least score and single objects can be chosen")]
    [InlineData("streets files", "pictures are chosen, dropped and pasted")]
    [InlineData("streets errors", "what is no picture is told beside the form")]
    [InlineData("streets text", "names of files are text, whatever is in them")]
    [InlineData("streets keyboard", "the view of streets works with a keyboard alone, and the focus can be seen")]
    [InlineData("streets phone", "the view of streets needs no sideways scrolling on a phone")]
    [InlineData("streets light", "all text of the view of streets has enough contrast in light mode")]
    [InlineData("streets dark", "all text of the view of streets has enough contrast in dark mode")]
    [InlineData("streets off", "a server without a network says what to do")]
    [InlineData("streets key", "the view of streets asks for a key")]
    [InlineData("pages", "branches that were stopped hold no page of the engine")]
    [InlineData("console", "the browser has nothing to complain about")]
    [InlineData("hosts", "nothing is asked of another host")]
    public void The_page_keeps_its_promises(string check, string promise)
    {
        if (run.Missing is { } reason) Assert.Skip(reason);
        Assert.True(run.Results.TryGetValue(check, out string? error), $"{promise}: not checked; {run.Log}");
        Assert.True(error is null, $"{promise}: {error}");
    }

    /// <summary>Starts three servers and the browser, and keeps what each check came to.</summary>
    public sealed class Run : IAsyncLifetime
    {
        private const string Key = "page-test-key";
        private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(6);

        /// <summary>Why there is no browser to run the page in, or null.</summary>
        public string? Missing { get; private set; }

        /// <summary>A check's name, and what is wrong or null.</summary>
        public Dictionary<string, string?> Results { get; } = [];

        /// <summary>What the browser's driver said besides.</summary>
        public string Log { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            Missing = FindMissing();
            if (Missing is not null) return;
            using Engine puzzles = Engine.Load(Repository.File("assets/puzzles.gguf"), new EngineOptions { Threads = 1 });
            using Engine noise = Engine.Load(Repository.File("assets/tiny-noise.gguf"), new EngineOptions { Threads = 1, KvTokens = 65_536 });
            await using CoppiceServer first = await StartAsync(puzzles, "puzzles");
            await using CoppiceServer second = await StartAsync(noise, "tiny-noise");
            await using CoppiceServer third = await StartAsync(puzzles, "puzzles", Key);
            await DriveAsync([first.Address.ToString(), second.Address.ToString(), third.Address.ToString(), Key]);
            foreach (Engine engine in (Engine[])[puzzles, noise])
            {
                await engine.DrainAsync();
                engine.CheckPages();
                EngineStatistics now = engine.Statistics;
                int held = now.PagesPrivate + now.PagesShared;
                if (!Results.TryGetValue("pages", out string? before) || before is null) Results["pages"] = held == 0 ? null : $"{held} pages are held by nobody";
            }
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private static string? FindMissing()
        {
            string browser = Environment.GetEnvironmentVariable("COPPICE_CHROMIUM") is { Length: > 0 } named ? named : "/usr/bin/chromium";
            if (!File.Exists(browser)) return $"there is no Chromium at {browser}; install it, or name one in COPPICE_CHROMIUM";
            if (!Directory.Exists(Repository.File("node_modules/playwright-core"))) return "playwright-core is not installed; 'npm ci' installs it";
            string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
            return Array.Exists(folders, folder => File.Exists(Path.Combine(folder, "node"))) ? null : "there is no 'node' on the PATH to drive the browser with";
        }

        private static async Task<CoppiceServer> StartAsync(Engine engine, string name, params string[] keys)
        {
            CoppiceServer server = CoppiceServer.Create(engine, new ServerOptions { ModelName = name, Port = 0, ApiKeys = keys, Perception = name == "puzzles" ? PerceivingServer.Network : null });
            await server.StartAsync();
            return server;
        }

        private async Task DriveAsync(string[] arguments)
        {
            string script = Repository.File("tests/Coppice.Server.Tests/page/page.mjs");
            string[] shots = Environment.GetEnvironmentVariable("COPPICE_SCREENSHOTS") is { Length: > 0 } folder ? [folder] : [];
            using var driver = Process.Start(new ProcessStartInfo("node", [script, .. arguments, .. shots])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
                WorkingDirectory = Repository.Root,
            })!;
            using var patience = new CancellationTokenSource(s_patience);
            Task<string> error = driver.StandardError.ReadToEndAsync(patience.Token);
            try
            {
                while (await driver.StandardOutput.ReadLineAsync(patience.Token) is { } line)
                {
                    JsonElement result = JsonElement.Parse(line);
                    Results[result.GetProperty("check").GetString()!] = result.GetProperty("error").GetString();
                }

                Log = await error;
            }
            catch (OperationCanceledException)
            {
                driver.Kill(entireProcessTree: true);
                Log = $"the browser's driver took more than {s_patience}";
            }
        }
    }
}
