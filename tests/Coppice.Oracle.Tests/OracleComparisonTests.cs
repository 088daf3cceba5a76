namespace Coppice.Oracle.Tests;

public class OracleComparisonTests
{
    private static readonly int[] s_tokens = [1, 403, 407, 261, 378, 432, 383, 286, 261, 376];

    [Fact]
    public void Every_token_has_logits_and_they_depend_on_the_tokens_before_it_only()
    {
        TestInputs.RequireLlamaCpp();
        string path = TestInputs.Data("stories260K", "stories260K-f32.gguf");
        float[][] whole = OracleComparison.Logits(path, s_tokens);
        float[][] start = OracleComparison.Logits(path, s_tokens.AsSpan(0, 5));
        Assert.Equal(s_tokens.Length, whole.Length);
        Assert.All(whole, row => Assert.Equal(512, row.Length));
        LogitsDifference difference = LogitsDifference.Between(whole[..5], start);
        Assert.InRange(difference.Largest, 0, 1e-4f);
        Assert.Equal(0, difference.Disagreements);
    }

    [Fact]
    public void Weights_in_another_format_move_the_logits_by_a_measured_amount()
    {
        TestInputs.RequireLlamaCpp();
        float[][] exact = OracleComparison.Logits(TestInputs.Data("stories260K", "stories260K-f32.gguf"), s_tokens);
        float[][] eight = OracleComparison.Logits(TestInputs.Data("stories260K", "stories260K-Q8_0.gguf"), s_tokens);
        float[][] four = OracleComparison.Logits(TestInputs.Data("stories260K", "stories260K-Q4_0.gguf"), s_tokens);
        double lossOfEight = LogitsDifference.Between(exact, eight).RelativeRms;
        double lossOfFour = LogitsDifference.Between(exact, four).RelativeRms;
        Assert.InRange(lossOfEight, 1e-3, 3e-2);
        Assert.InRange(lossOfFour, 4 * lossOfEight, 0.5);
    }

    [Fact]
    public void A_difference_counts_its_largest_element_and_the_rows_that_choose_another_token()
    {
        float[][] expected = [[1, 2, 3], [3, 2, 1]];
        float[][] actual = [[1, 2, 3], [3, 5, 1]];
        LogitsDifference difference = LogitsDifference.Between(expected, actual);
        Assert.Equal(3, difference.Largest);
        Assert.Equal(1, difference.Disagreements);
        Assert.Equal(1.5, difference.RelativeRms, 1e-6);
    }
}
