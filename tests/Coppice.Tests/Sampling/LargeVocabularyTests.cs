using Coppice.Sampling;

namespace Coppice.Tests.Sampling;

public sealed class LargeVocabularyTests
{
    private const int Vocabulary = 150_001;

    public static TheoryData<string> Shapes => ["peaked", "flat", "quantized", "equal"];

    // Logits as models give them, as a hot temperature would, with masses of ties, and all the same.
    private static float[] Logits(string shape)
    {
        var random = new Random(17);
        var normals = Enumerable.Range(0, 4096)
            .Select(_ => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()))
            .ToArray();
        var logits = new float[Vocabulary];
        for (int i = 0; i < Vocabulary; i++)
        {
            double normal = normals[random.Next(4096)] + (1e-4 * random.Next(1000));
            logits[i] = shape switch
            {
                "peaked" => (float)(3 * normal) + (i % 5003 == 0 ? 9 : 0),
                "flat" => (float)(0.1 * normal) - 4,
                "quantized" => (float)Math.Round(2 * normal),
                _ => 2.5f,
            };
        }

        logits[77] = float.NegativeInfinity;
        return logits;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Selection_agrees_with_a_full_sort(string shape)
    {
        float[] logits = Logits(shape);
        var order = NaiveSampler.Order(logits);
        var sampler = new TokenSampler(Vocabulary);
        SamplingOptions[] all =
        [
            new() { TopK = 1 }, new() { TopK = 40 }, new() { TopK = 20_000 },
            new() { TopP = 0.1 }, new() { TopP = 0.95 }, new() { TopP = 0.999, Temperature = 1.7 },
            new() { MinP = 0.05 }, new() { Temperature = 0.7, TopK = 1000, TopP = 0.9, MinP = 0.02 },
        ];
        foreach (var options in all)
        {
            var kept = NaiveSampler.Kept(order, options);
            for (int i = 0; i < 8; i++)
            {
                var state = new SamplerState(options, 5, 2, i);
                int token = sampler.Sample(logits, state).Token;
                Assert.Contains(token, NaiveSampler.Drawable(kept, CounterRandom.Uniform(5, 2, i)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_kept_set_agrees_with_a_full_sort(string shape)
    {
        float[] logits = Logits(shape);
        var maxima = new BlockMaxima(Vocabulary);
        var candidates = new CandidateSet(Vocabulary);
        maxima.Update(logits);
        var order = NaiveSampler.Order(logits);
        foreach (int k in new[] { 1, 63, 64, 65, 1000, 149_999 })
        {
            candidates.Gather(logits, maxima, maxima.ReachedBy(k), 1);
            candidates.KeepMostLikely(k);
            Assert.Equal(order[k - 1].Token, candidates.TokenAt(1));
        }
    }

    [Fact]
    public void Without_truncation_the_draw_walks_the_ids()
    {
        float[] logits = Logits("peaked");
        var byId = logits.Select((logit, token) => (token, Math.Exp(logit))).ToList();
        var sampler = new TokenSampler(Vocabulary);
        for (int i = 0; i < 20; i++)
        {
            int token = sampler.Sample(logits, new SamplerState(new(), 3, 0, i)).Token;
            Assert.Contains(token, NaiveSampler.Drawable(byId, CounterRandom.Uniform(3, 0, i)));
        }
    }

    [Fact]
    public void The_log_probability_is_accurate()
    {
        foreach (string shape in new[] { "peaked", "flat", "equal" })
        {
            float[] logits = Logits(shape);
            double logSum = Math.Log(logits.Sum(logit => Math.Exp(logit)));
            var sampled = new TokenSampler(Vocabulary).Sample(logits, new SamplerState(new(), 3, 0, 0));
            Assert.Equal(logits[sampled.Token] - logSum, sampled.Logprob, 1e-6);
        }
    }

    [Fact]
    public void A_draw_does_not_depend_on_the_draws_before_it()
    {
        float[][] rows = [Logits("peaked"), Logits("flat"), Logits("quantized")];
        SamplingOptions[] options = [new(), new() { TopP = 0.9 }, new() { TopK = 50, Temperature = 0.6 }];
        var shared = new TokenSampler(Vocabulary);
        for (int i = 0; i < 3; i++)
        {
            foreach (float[] row in rows)
            {
                var state = new SamplerState(options[i], 8, i, i);
                Assert.Equal(new TokenSampler(Vocabulary).Sample(row, state), shared.Sample(row, state));
            }
        }
    }

    [Fact]
    public void A_draw_allocates_nothing()
    {
        float[] logits = Logits("peaked");
        var options = new SamplingOptions
        {
            Temperature = 0.8,
            TopK = 500,
            TopP = 0.95,
            MinP = 0.01,
            RepetitionPenalty = 1.1,
            FrequencyPenalty = 0.1,
            LogitBias = new Dictionary<int, float> { [5] = 2, [9] = -100 },
        };
        SamplingOptions[] all = [options, options with { Temperature = 0 }, new(), new() { TopP = 0.9 }];
        var history = new TokenHistory(options, 4, 100);
        history.Begin([1, 2, 3, 4]);
        var sampler = new TokenSampler(Vocabulary);
        var mostLikely = new TokenLogprob[20];
        int position = 0;
        Assert.Equal(0, Allocations.OfWarm(() =>
        {
            foreach (var each in all) history.Add(sampler.Sample(logits, new SamplerState(each, 1, 0, position, history), mostLikely).Token);
            position++;
        }));
    }
}
