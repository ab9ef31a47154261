import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.Files;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.Table;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.expressions.Expression;
import org.apache.iceberg.expressions.Expressions;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.io.FileIO;
import org.apache.iceberg.io.InputFile;
import org.apache.iceberg.io.OutputFile;
import org.apache.iceberg.types.Type;
import org.apache.iceberg.types.Types;
import org.apache.iceberg.util.ByteBuffers;

/** Reads Iceberg tables with Iceberg's own library: see check-iceberg.ts. */
class Readers {
  /** How many values of each column are asked for. */
  static final int VALUES = 3;

  static final ObjectMapper JSON = new ObjectMapper();
  static final DateTimeFormatter MICROSECONDS =
      DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss.SSSSSS'Z'");

  /** The buckets of S3 in a folder. */
  record FolderIO(String folder) implements FileIO {
    public InputFile newInputFile(String path) {
      return Files.localInput(path.replace("s3://", folder + "/").replaceFirst("^file:/*", "/"));
    }

    public OutputFile newOutputFile(String path) {
      throw new UnsupportedOperationException(path);
    }

    public void deleteFile(String path) {
      throw new UnsupportedOperationException(path);
    }
  }

  /** A column that is in no list, with its value in every row. */
  record Leaf(String path, Type type, List<Object> values) {}

  public static void main(String[] arguments) throws Exception {
    ArrayNode answers = JSON.createArrayNode();
    for (int i = 1; i < arguments.length; i += 1) answers.add(answer(arguments[0], arguments[i]));
    System.out.println(JSON.writeValueAsString(answers));
  }

  static ObjectNode answer(String folder, String path) throws Exception {
    Table table = new BaseTable(new StaticTableOperations(path, new FolderIO(folder)), "table");
    ObjectNode answer = JSON.createObjectNode();
    ArrayNode rows = answer.putArray("rows");
    List<Record> records = new ArrayList<>();
    try (CloseableIterable<Record> found = IcebergGenerics.read(table).build()) {
      for (Record record : found) records.add(record.copy());
    }
    for (Record record : records) rows.addPOJO(plain(record, table.schema().asStruct()));
    ObjectNode types = answer.putObject("types");
    for (Types.NestedField field : table.schema().columns()) types.put(field.name(), name(field.type()));
    answer.set("wrong", wronglyPruned(table, records));
    return answer;
  }

  static Object plain(Object value, Type type) {
    if (value instanceof Record record) {
      ObjectNode node = JSON.createObjectNode();
      for (Types.NestedField field : type.asStructType().fields())
        node.putPOJO(field.name(), plain(record.getField(field.name()), field.type()));
      return node;
    }
    if (value instanceof List<?> list) {
      ArrayNode node = JSON.createArrayNode();
      for (Object each : list) node.addPOJO(plain(each, type.asListType().elementType()));
      return node;
    }
    if (value instanceof OffsetDateTime instant)
      return MICROSECONDS.format(instant.withOffsetSameInstant(ZoneOffset.UTC));
    if (value instanceof BigDecimal decimal) return decimal.toPlainString();
    if (value instanceof ByteBuffer bytes)
      return Base64.getEncoder().encodeToString(ByteBuffers.toByteArray(bytes));
    return value == null || value instanceof Number || value instanceof Boolean ? value : value.toString();
  }

  static String name(Type type) {
    if (type.isListType()) return "list<" + name(type.asListType().elementType()) + ">";
    if (type.isStructType()) {
      List<String> fields = new ArrayList<>();
      for (Types.NestedField each : type.asStructType().fields())
        fields.add(each.name() + ": " + name(each.type()));
      return "struct<" + String.join(", ", fields) + ">";
    }
    return type.toString().replace(", ", ",");
  }

  /** For values of each column, whether queries about it find their rows: statistics may hide none. */
  static ArrayNode wronglyPruned(Table table, List<Record> records) throws Exception {
    ArrayNode wrong = JSON.createArrayNode();
    List<Leaf> leaves = new ArrayList<>();
    addLeaves("", table.schema().asStruct(), new ArrayList<Object>(records), leaves);
    for (Leaf leaf : leaves) {
      String path = leaf.path();
      List<Object> known = new ArrayList<>(leaf.values().stream().filter(Objects::nonNull).sorted().toList());
      long nulls = leaf.values().size() - known.size();
      // It takes a required field of a struct for one that is never null, even if the struct is.
      if (!path.contains(".")) ask(table, path + " is null", Expressions.isNull(path), nulls, wrong);
      for (int i = 0; i <= VALUES && !known.isEmpty(); i += 1) {
        Object value = known.get(i * (known.size() - 1) / VALUES);
        Object literal = literal(value);
        long equal = known.stream().filter(each -> compare(each, value) == 0).count();
        long most = known.stream().filter(each -> compare(each, value) <= 0).count();
        long least = known.stream().filter(each -> compare(each, value) >= 0).count();
        ask(table, path + " = " + literal, Expressions.equal(path, literal), equal, wrong);
        if (value instanceof Boolean) continue;
        ask(table, path + " >= " + literal, Expressions.greaterThanOrEqual(path, literal), least, wrong);
        // It takes nulls for less than any value.
        Expression upTo = Expressions.lessThanOrEqual(path, literal);
        Expression fromFirst = Expressions.greaterThanOrEqual(path, literal(known.get(0)));
        ask(table, path + " <= " + literal, Expressions.and(fromFirst, upTo), most, wrong);
      }
    }
    return wrong;
  }

  /** A value as the library takes it in an expression. */
  static Object literal(Object value) {
    boolean isNumber = value instanceof Number && !(value instanceof BigDecimal);
    return isNumber || value instanceof Boolean || value instanceof ByteBuffer ? value : value.toString();
  }

  @SuppressWarnings("unchecked")
  static int compare(Object one, Object other) {
    return ((Comparable<Object>) one).compareTo(other);
  }

  static void addLeaves(String prefix, Types.StructType struct, List<Object> rows, List<Leaf> leaves) {
    for (Types.NestedField field : struct.fields()) {
      List<Object> values = new ArrayList<>();
      for (Object row : rows) values.add(row == null ? null : ((Record) row).getField(field.name()));
      if (field.type().isStructType())
        addLeaves(prefix + field.name() + ".", field.type().asStructType(), values, leaves);
      else if (field.type().isPrimitiveType()) leaves.add(new Leaf(prefix + field.name(), field.type(), values));
    }
  }

  static void ask(Table table, String what, Expression condition, long expected, ArrayNode wrong)
      throws Exception {
    long found = 0;
    try (CloseableIterable<Record> records = IcebergGenerics.read(table).where(condition).build()) {
      for (Record each : records) found += 1;
    }
    if (found != expected) wrong.addArray().add(what).add(found).add(expected);
  }
}
