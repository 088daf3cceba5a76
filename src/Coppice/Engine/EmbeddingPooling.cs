namespace Coppice;

/// <summary>How the hidden states of a text's tokens become one vector.</summary>
public enum EmbeddingPooling
{
    /// <summary>Their mean.</summary>
    Mean,

    /// <summary>That of the last token, which has seen all of them.</summary>
    Last,
}
