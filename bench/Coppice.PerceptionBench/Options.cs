using System.Globalization;

namespace Coppice.PerceptionBench;

/// <summary>Options of the form --name value.</summary>
internal sealed class Options(string[] args)
{
    public int Threads => Number("threads", 1);

    public int Number(string name, int otherwise) => int.Parse(Text(name, $"{otherwise}"), CultureInfo.InvariantCulture);

    public (int Width, int Height) Size(int width, int height)
    {
        string[] sides = Text("size", $"{width}x{height}").Split('x');
        return (int.Parse(sides[0], CultureInfo.InvariantCulture), int.Parse(sides[1], CultureInfo.InvariantCulture));
    }

    public string Text(string name, string otherwise)
    {
        int at = Array.IndexOf(args, "--" + name);
        return at >= 0 && at + 1 < args.Length ? args[at + 1] : otherwise;
    }
}
