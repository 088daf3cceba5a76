using System.Security.Cryptography;
using System.Text;
using Coppice.Training.Puzzles;

namespace Coppice.Cli.Evaluation;

/// <summary>The problems of an evaluation.</summary>
/// <param name="Name">What to call it.</param>
/// <param name="Problems">All of them, in the order in which they are tried.</param>
/// <param name="MaxTokens">Tokens that a sample needs at most, as a rule.</param>
internal sealed record ProblemSet(string Name, IReadOnlyList<EvalProblem> Problems, int MaxTokens)
{
    /// <summary>The set that needs no file: the number puzzles that are held out for tests.</summary>
    public const string Puzzles = "puzzles";

    private const int PuzzleTokens = 24;
    private const int CodeTokens = 256;

    /// <summary>Whether it is the set of puzzles.</summary>
    public bool IsPuzzles => Name == Puzzles;

    /// <summary>Finds a set.</summary>
    /// <param name="name"><see cref="Puzzles"/>, or a file of problems.</param>
    /// <exception cref="IOException">The file can't be read or holds something else.</exception>
    public static ProblemSet Open(string name) =>
        name == Puzzles ? new(Puzzles, HeldOut(), PuzzleTokens) : new(Path.GetFileName(name), ProblemFile.Read(name), CodeTokens);

    /// <summary>Its name and what tells it from another of that name.</summary>
    public string Identity()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (EvalProblem problem in Problems)
        {
            foreach (string part in (string[])[problem.Key, problem.Prompt, problem.Before, problem.After, problem.Json ?? "", .. problem.Stop])
                hash.AppendData(Encoding.UTF8.GetBytes($"{part}\0"));
        }

        return $"{Name} ({Problems.Count} problems, {Convert.ToHexStringLower(hash.GetHashAndReset())[..12]})";
    }

    /// <summary>A number of 64 bits that depends on a text alone.</summary>
    public static ulong Hash(string text) => System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>In the order of a hash, so that the first few are no easier than the rest; numbers ascend.</summary>
    private static EvalProblem[] HeldOut() =>
        [.. new PuzzleSet().Part(PuzzlePart.Test)
            .Select(solved => PuzzleText.Prompt(solved.Puzzle))
            .OrderBy(Hash)
            .Select(prompt => new EvalProblem(prompt, prompt) { Stop = ["\n"] })];
}
