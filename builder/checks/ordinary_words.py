"""Words that say nothing of what a text is about: English, mathematics as it is taught, and code."""

from __future__ import annotations

FUNCTION = frozenset(
    """
    the and that this these those with without from into onto for but not nor are was were been being have has
    had having does did done doing will would shall should can could may might must its his her hers their
    theirs our ours your yours they them him she you who whom whose which what when where why how than then
    there here also only just very too more most much many few some any all both each every either neither
    other another such same own one two three four five six seven eight nine ten first second third last next
    before after above below between among over under again once while during until since because therefore
    thus hence whereas although though however moreover furthermore finally otherwise instead about against
    through across along around upon within out off per via let lets say says said see seen get gets got give
    gives given make makes made take takes taken put use uses used using need needs needed want wants come
    comes came know known find finds found show shows shown look looks think like well even still yet ever
    never always often usually now already so as if is it in on at by to of or an am be do we us me my no up
    """.split()  # noqa: SIM905 - one word a line would be 400 lines
)
"""Words of grammar."""
TAUGHT = frozenset(
    """
    problem question answer solution task exercise example step steps part case proof claim theorem lemma
    definition formula equation equations expression term terms value values variable variables number numbers
    digit digits unit units sum difference product quotient ratio total amount result results fraction
    fractions percent percentage power root square squared add adds added adding addition subtract subtracts
    subtracted subtracting subtraction multiply multiplies multiplied multiplying multiplication divide
    divides divided dividing division equal equals equality side sides both solve solves solved solving
    compute computes computed computing calculate calculates calculated calculating calculation determine
    simplify simplifies simplified substitute substituting substitution apply applies applied applying rule
    law property method follow follows following follow obtain obtains obtained conclude hold holds check
    verify means mean represents denote denotes define defined consider suppose assume gives yield yields
    write written rewrite rearrange rearranging factor factors factoring expand expanding cancel combine
    isolate both left right hand positive negative zero whole half twice double times plus minus less greater
    least fewer final simple simply note notice recall remember since exactly approximately correct wrong true
    false possible quantity quantities remaining remains left compare compared together start starting begin
    end def class return returns returned import from self none true false try except finally raise raises
    lambda pass break continue yield async await elif else with assert global nonlocal del print len range
    list dict set tuple str int float bool bytes object type types any optional union callable iterator
    iterable sequence mapping function functions method methods argument arguments args kwargs parameter
    parameters param params value values key keys item items index string strings integer boolean number name
    names data input output result file line lines code module main init call called caller instance attribute
    attributes default error errors exception valueerror typeerror raise raised given whether create creates
    get sets setter getter helper example note todo docstring annotations future typing public private const
    var new void static final null this
    """.split()  # noqa: SIM905 - one word a line would be 400 lines
)
"""Words of explanations and of code: what explaining a text adds to it is of these, for the most part."""
