import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.catalog.Catalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Iceberg's own REST catalog server with any number of catalogs in one process: what RESTCatalogServer of its test
 * fixtures starts for one. A catalog's path begins with its warehouse's address in base64url, and it is made on its first
 * request, on a SQLite file in the folder that is given. Prints the port once it listens; ends when standard input ends.
 *
 * <p>usage: java -cp ... RestServers FOLDER [property=value ...]
 */
public final class RestServers extends HttpServlet {
  private final Map<String, RESTCatalogServlet> catalogs = new ConcurrentHashMap<>();
  private final AtomicInteger made = new AtomicInteger();
  private final String folder;
  private final Map<String, String> properties;

  private RestServers(String folder, Map<String, String> properties) {
    this.folder = folder;
    this.properties = properties;
  }

  @Override
  protected void service(HttpServletRequest request, HttpServletResponse response)
      throws ServletException, IOException {
    String uri = request.getRequestURI();
    int slash = uri.indexOf('/', 1);
    if (slash < 0) {
      response.sendError(HttpServletResponse.SC_NOT_FOUND);
      return;
    }
    catalogs
        .computeIfAbsent(uri.substring(1, slash), this::open)
        .service(
            new HttpServletRequestWrapper(request) {
              @Override
              public String getRequestURI() {
                return uri.substring(slash);
              }
            },
            response);
  }

  private RESTCatalogServlet open(String id) {
    Map<String, String> all = new HashMap<>(properties);
    all.put("warehouse", new String(Base64.getUrlDecoder().decode(id), StandardCharsets.UTF_8));
    all.put("uri", "jdbc:sqlite:" + folder + "/" + made.incrementAndGet() + ".db");
    all.put("jdbc.schema-version", "V1");
    // SQLite has one writer; a second connection would fail instead of waiting.
    all.put("clients", "1");
    Catalog catalog = CatalogUtil.loadCatalog("org.apache.iceberg.jdbc.JdbcCatalog", "rest", all, new Configuration());
    return new RESTCatalogServlet(new RESTCatalogAdapter(catalog));
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> properties = new HashMap<>();
    for (int index = 1; index < args.length; index++) {
      String[] pair = args[index].split("=", 2);
      properties.put(pair[0], pair[1]);
    }
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler(ServletContextHandler.NO_SESSIONS);
    context.addServlet(new ServletHolder(new RestServers(args[0], properties)), "/*");
    server.setHandler(context);
    server.start();
    System.out.println(connector.getLocalPort());
    while (System.in.read() >= 0) {
      // Only the end counts.
    }
    System.exit(0);
  }
}
